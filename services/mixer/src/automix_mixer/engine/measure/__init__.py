"""What can be measured about a sound or a track."""
