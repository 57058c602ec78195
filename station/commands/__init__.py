"""The subcommands of `tramthu`, a module each; heavy imports happen inside the functions."""
