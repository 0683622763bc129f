"""The record: studies, trials and datasets in a relational database that Optuna can read too."""
