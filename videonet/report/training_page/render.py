"""A training as one HTML file that opens from disk and asks nothing of the web. It has no script.

Its style sheet is the report's and, after it, its own.
"""

from importlib import resources
from pathlib import Path

import jinja2

from videonet.errors import UsageError
from videonet.files import drafted
from videonet.report.page.render import content_policy, style_sheet
from videonet.report.training_page.chart import HEIGHT, WIDTH
from videonet.report.training_page.facts import TrainingFacts
from videonet.schemas.shown import printable


def render_training(facts: TrainingFacts) -> str:
    """The page as HTML, the same for the same facts."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,  # names, settings and error texts stay text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = style_sheet() + _read("training.css")
    page = environment.get_template("training.html").render(
        policy=content_policy(style), style=style, facts=facts, width=WIDTH, height=HEIGHT
    )
    return printable(page)


def save_page(facts: TrainingFacts, run: Path) -> Path:
    """Write the page into the folder of the training; where it is. Raises UsageError."""
    file = run / "report" / "index.html"
    try:
        with drafted(file) as draft:
            draft.write_text(render_training(facts), "utf-8")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror}); see that {run} is a folder of yours and "
            "that its disk has room."
        ) from error
    return file


def _read(name: str) -> str:
    return (resources.files("videonet.report.training_page") / name).read_text("utf-8")
