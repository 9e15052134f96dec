"""The page: what it says, as records, and the HTML, style and script that show it."""
