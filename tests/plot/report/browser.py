"""Headless Chromium, through its driver."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any, Self

CHROMIUM = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1250,1000",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # WebGL without a graphics card
)  # fmt: skip


def why_not() -> str:
    """Return why there is no browser, or "" if there is one.

    SPIKELET_BROWSER=required, as in CI, makes a missing one an error of the tests.
    """
    if os.environ.get("SPIKELET_BROWSER") == "required":
        return ""
    try:
        import selenium  # noqa: F401, PLC0415
    except ImportError:
        return "needs selenium"
    if not any(map(shutil.which, CHROMIUM)):
        return "needs Chromium (Debian: chromium)"
    return "" if shutil.which("chromedriver") else "needs chromedriver (Debian: chromium-driver)"


class Browser:
    """A browser with one page.

    Parameters
    ----------
    dark : bool
        Whether it prefers dark pages.
    scripts : bool
        Whether JavaScript runs.
    """

    def __init__(self, *, dark: bool = False, scripts: bool = True) -> None:
        from selenium import webdriver  # noqa: PLC0415
        from selenium.webdriver.chrome.options import Options  # noqa: PLC0415
        from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

        options = Options()
        options.binary_location = next(filter(None, map(shutil.which, CHROMIUM)), "chromium")
        for option in OPTIONS:
            options.add_argument(option)
        if dark:
            options.add_argument("--blink-settings=preferredColorScheme=0")
        if not scripts:
            setting = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", setting)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(shutil.which("chromedriver") or "chromedriver")
        self.driver: Any = webdriver.Chrome(options=options, service=service)
        self.scripts = scripts

    def open(self, path: Path, seconds: float = 120.0) -> float:
        """Open a report, wait until its figures are drawn, and return the milliseconds that took."""
        self.driver.get_log("browser")
        self.driver.get(path.resolve().as_uri())
        if not self.scripts:
            return 0.0
        return float(self.wait("return document.documentElement.dataset.ready", seconds))

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, seconds: float = 20.0) -> Any:
        """Run JavaScript until it returns something true, and return that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.run(script)
            if found:
                return found
            time.sleep(0.05)
        msg = f"after {seconds:g} s this is still not true: {script}; {self.messages()}"
        raise TimeoutError(msg)

    def find(self, selector: str) -> Any:
        """Return an element."""
        return self.driver.find_element("css selector", selector)

    def table(self, selector: str) -> list[list[str]]:
        """Return the texts of a table's body."""
        script = (
            "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
            ".map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        found: list[list[str]] = self.run(script, selector)
        return found

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse between two points of the window [px]."""
        from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415

        body = ActionChains(self.driver, duration=50)
        body.w3c_actions.pointer_action.move_to_location(*map(int, start))
        body.w3c_actions.pointer_action.pointer_down()
        body.w3c_actions.pointer_action.move_to_location(*map(int, end))
        body.w3c_actions.pointer_action.pointer_up()
        body.perform()

    def point(self, at: tuple[float, float]) -> None:
        """Move the mouse to a point of the window [px]."""
        from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415

        mouse = ActionChains(self.driver, duration=50)
        mouse.w3c_actions.pointer_action.move_to_location(*map(int, at))
        mouse.perform()

    def messages(self) -> list[str]:
        """Return what the page wrote to the console since it was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def picture(self, name: str) -> Path | None:
        """Save a picture of the whole page, if SPIKELET_SCREENSHOTS names a folder for it."""
        folder = os.environ.get("SPIKELET_SCREENSHOTS")
        if not folder:
            return None
        size = self.driver.get_window_size()
        height = self.run("return document.documentElement.scrollHeight") if self.scripts else 3000
        self.driver.set_window_size(size["width"], min(height + 120, 6000))
        time.sleep(0.5)
        path = Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))
        self.driver.set_window_size(size["width"], size["height"])
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()
