"""From the bytes of a video to frames and clips."""
