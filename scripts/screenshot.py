"""Takes a picture of a page that is a file, such as the one in the README.

python -m scripts.screenshot PAGE OUT.png --width 1280 --height 800 --dark
"""

import argparse
import base64
import shutil
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service


def take(
    page: Path, picture: Path, *, width: int, height: int | None, scale: float, dark: bool, at: str
) -> None:
    """Writes a PNG of the page; `width` and `height` are CSS pixels, no height is all of it.

    `at` is the id of the section that is on top, or "". Needs Chromium and its driver on the path.
    """
    driver = shutil.which("chromedriver")
    if driver is None:
        raise SystemExit("no chromedriver here: `apt-get install chromium chromium-driver`")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        chrome = Chrome(options=_options(profile), service=Service(driver))
        try:
            scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
            chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
            metrics = {"width": width, "deviceScaleFactor": scale, "mobile": width < 600}
            chrome.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride", {**metrics, "height": height or 800}
            )
            chrome.get(page.resolve().as_uri())
            if height is None:
                height = chrome.execute_script("return document.documentElement.scrollHeight")
                chrome.execute_cdp_cmd(
                    "Emulation.setDeviceMetricsOverride", {**metrics, "height": height}
                )
            if at:
                chrome.execute_script(
                    "document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})",
                    at,
                )
            taken = chrome.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        finally:
            chrome.quit()
    picture.write_bytes(base64.b64decode(taken["data"]))


def _options(profile: str) -> ChromeOptions:
    options = ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    return options


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, help="default: the whole page")
    parser.add_argument("--scale", type=float, default=1, help="pixels for each of CSS's")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--at", default="", help="id of the section that is on top")
    arguments = vars(parser.parse_args())
    take(arguments.pop("page"), arguments.pop("picture"), **arguments)
