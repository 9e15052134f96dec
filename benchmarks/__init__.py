"""What is fast, measured side by side with what else one would use."""
