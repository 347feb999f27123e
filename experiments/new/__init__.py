"""Whether the config that `ebm new --data` writes is any good, on real tables of every kind."""
