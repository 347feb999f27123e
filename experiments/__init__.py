"""One folder per question: a command, a table, a README with the numbers it printed."""
