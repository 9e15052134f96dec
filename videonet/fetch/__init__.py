"""From a url to a video file in the store."""
