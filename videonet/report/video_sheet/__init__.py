"""All that is known of one video, on one sheet."""
