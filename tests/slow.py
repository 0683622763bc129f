"""Tests that take more than two seconds of processor time each, or hundreds that do together.

So do those of the storage on PostgreSQL, which run on SQLite as well.

`make test-fast` leaves them out. An entry is a folder, a file or `file::test`, measured with warm
caches by processor seconds of the test and of the processes it started (tests run in parallel, so
that wall time says little).
"""

from __future__ import annotations

SLOW: tuple[str, ...] = (
    "tests/benchmarks",
    "tests/deployment/test_compose.py::test_the_services_of_a_profile_run_a_study",
    "tests/notebooks",
    "tests/search/activations/test_recipe.py::"
    "test_an_activation_added_by_the_recipe_trains_as_its_formula_says",
    "tests/search/analysis/test_error_model.py::test_intervals_hold_the_truth_as_often_as_they_say",
    "tests/search/analysis/test_network_verdict.py::"
    "test_intervals_of_fixed_networks_hold_the_truth_as_often_as_they_say",
    "tests/search/analysis/test_power.py::"
    "test_a_difference_that_could_be_detected_is_detected_as_often_as_said",
    "tests/search/analysis/test_verdict.py::test_a_gap_is_found_most_of_the_time",
    "tests/search/analysis/test_verdict.py::test_twins_are_hardly_ever_told_apart",
    "tests/search/analysis/test_importances.py",
    "tests/search/driver/test_confirm_phase.py::test_any_number_of_processes_gives_the_same_runs",
    "tests/search/driver/test_driver.py::"
    "test_a_seed_gives_the_same_trials_on_any_number_of_processes",
    "tests/search/driver/test_driver.py::"
    "test_trials_asked_for_ahead_are_under_way_together_and_repeat_on_any_executor",
    "tests/search/engines/compiled/test_engine.py::test_a_study_runs_on_a_machine",
    "tests/search/engines/test_gpu.py::test_every_lane_equals_the_plain_network",
    "tests/search/engines/test_own_activations.py::test_an_expression_equals_the_plain_network",
    "tests/search/engines/test_stack.py::test_every_lane_equals_the_plain_network",
    "tests/search/exports",
    "tests/search/networks/test_theory.py",
    "tests/search/prediction/test_predict.py::test_memory_does_not_grow_with_the_rows",
    "tests/search/samplers/test_batched_tpe.py",
    "tests/search/samplers/test_optuna_internals.py",
    "tests/search/test_local_study.py",
    "tests/search/training/test_mapped_file.py::"
    "test_processes_that_map_the_same_file_share_its_memory",
    "tests/search/training/test_ray_executor.py",
    "tests/service/api/schemas/test_results.py::"
    "test_nothing_of_a_stored_document_is_lost_on_the_wire",
    "tests/service/api/test_dashboard_browser.py",
    "tests/service/api/test_expressions.py::test_an_expression_of_ones_own_gets_a_verdict",
    "tests/service/api/test_extension.py",
    "tests/service/api/test_fuzz.py",
    "tests/service/api/test_pages_browser.py",
    "tests/service/api/test_server.py",
    "tests/service/api/test_takehome.py",
    "tests/service/api/test_unwritable.py",
    "tests/service/cli/test_demo.py",
    "tests/service/cli/test_recorded_run.py",
    "tests/service/cli/test_remote.py",
    "tests/service/cli/test_reproduce.py",
    "tests/service/cli/test_takehome.py",
    "tests/service/cli/test_upkeep.py",
    "tests/service/generated",
    "tests/service/test_bounded_process.py",
    "tests/service/test_fleet.py",
    "tests/service/test_postgresql.py",
    "tests/service/test_recorded_database.py::"
    "test_a_study_of_that_release_is_extended_from_its_history",
    "tests/service/test_table_reading.py",
    "tests/service/test_wheel.py",
    "tests/service/worker/test_watchdog.py",
    "tests/service/worker/test_worker.py",
    "tests/storage/test_clocks.py",
    "tests/storage/sql/test_database.py::"
    "test_eight_processes_may_open_a_new_database_at_the_same_moment",
    "tests/storage/sql/test_away.py",
    "tests/storage/sql/test_unwritable.py",
    "tests/storage/sql/test_upgrades.py::test_every_revision_between_is_upgraded_on_postgresql",
    "tests/storage/test_backup.py::test_a_backup_made_while_a_worker_writes_is_whole",
    "tests/storage/test_dashboard.py::test_polling_while_a_worker_writes_never_fails",
    "tests/storage/test_optuna_contract.py",
    "tests/storage/test_queue.py::test_claims_at_the_same_moment_take_turns_too",
    "tests/storage/test_queue.py::test_eight_processes_never_claim_the_same_study",
    "tests/storage/test_recorder.py::"
    "test_any_record_comes_back_as_it_was_and_stays_readable_for_optuna",
    "tests/storage/test_wakeups.py",
    "tests/test_examples.py",
    "tests/torture/test_torture.py",
    "tests/test_layers.py::test_processes_do_not_load_what_they_do_not_need",
    "tests/test_layers.py::test_search_loads_torch_and_pandas_when_they_are_asked_for",
)


def is_slow(node: str) -> bool:
    """Whether the test with the id `node` is listed, or is the variant on PostgreSQL."""
    test, _, parameters = node.partition("[")
    if parameters.startswith("postgresql"):
        return True
    places = {test, test.partition("::")[0]}
    return any(entry in places or test.startswith(f"{entry}/") for entry in SLOW)
