"""Floor 7: the operator's command line, one file a command group, imported when it is called."""
