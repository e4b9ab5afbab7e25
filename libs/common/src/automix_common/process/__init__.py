"""What every process has: settings, logs, faults, scratch folders, a command line."""
