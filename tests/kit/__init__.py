"""What the suites share: servers of three kinds, the stack on them, people, audio, tokens and strikes."""
