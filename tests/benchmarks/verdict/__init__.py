"""What the verdict shows and what it claims falsely: real studies whose truth is known."""
