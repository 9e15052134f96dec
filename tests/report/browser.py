"""A headless Chromium that can reach nothing but files of this machine."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCHEMES = ("light", "dark")


@contextmanager
def browsing() -> Iterator[Chrome]:
    """A browser with an empty profile; skips where there is none."""
    driver = shutil.which("chromedriver")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if driver is None or browser is None:
        pytest.skip("no Chromium here: `apt-get install chromium chromium-driver` brings one")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        chrome = Chrome(options=_options(browser, profile), service=Service(driver))
        try:
            yield chrome
        finally:
            chrome.quit()


def show(chrome: Chrome, page: Path, width: int = 1280, height: int = 800) -> None:
    """Opens a file in a window whose page area is so large, pixels."""
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    chrome.get(page.as_uri())


def prefer(chrome: Chrome, scheme: str) -> None:
    """Light or dark, as the system would say."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def complaints(chrome: Chrome) -> list[str]:
    """What the console says since this was asked last: errors, and what the policy refused."""
    return [each["message"] for each in chrome.get_log("browser")]


def requests(chrome: Chrome) -> list[str]:
    """The addresses that pages asked for since this was asked last.

    What the browser's own page, with which it begins, takes from inside the browser is no part.
    """
    messages = [json.loads(each["message"])["message"] for each in chrome.get_log("performance")]
    sent: list[dict[str, Any]] = [
        each["params"] for each in messages if each["method"] == "Network.requestWillBeSent"
    ]
    return [
        each["request"]["url"] for each in sent if not each["documentURL"].startswith("chrome:")
    ]


def contrast(chrome: Chrome, selector: str) -> float:
    """Contrast of the text of the first such element with what is behind it, as WCAG 2 has it."""
    ink, paper = chrome.execute_script(_COLOURS, selector)
    lighter, darker = sorted((_luminance(ink), _luminance(paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


# Each as red, green and blue up to 1. Mixed colours are given as "color(srgb 0.1 0.2 0.3)".
_COLOURS = """
const found = document.querySelector(arguments[0]);
let paper = found;
while (getComputedStyle(paper).backgroundColor === "rgba(0, 0, 0, 0)") paper = paper.parentElement;
const numbers = (colour) => colour.match(/[\\d.]+/g).slice(0, 3)
  .map((each) => colour.startsWith("color(srgb ") ? Number(each) : Number(each) / 255);
return [getComputedStyle(found).color, getComputedStyle(paper).backgroundColor].map(numbers);
"""


def _luminance(colour: list[float]) -> float:
    """Relative luminance of an sRGB colour, as WCAG 2 defines it."""
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _options(browser: str, profile: str) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless=new",
        "--no-sandbox",  # which a container's root cannot have
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options
