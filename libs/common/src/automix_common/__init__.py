"""What every AutoMix service shares."""
