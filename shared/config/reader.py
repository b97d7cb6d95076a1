"""Reads a merchant's folder into models, or into the problems that prevent it."""

from dataclasses import dataclass, field
from pathlib import Path

from shared.config import strict_yaml
from shared.config.explain import ModelT, read_as
from shared.config.flow import Flow
from shared.config.merchant import MerchantConfig
from shared.config.problem import Problem, Severity
from shared.config.strict_yaml import Document

MERCHANT_FILE = "merchant.yaml"
FLOWS_FOLDER = "flows"
_SUFFIX = ".yaml"
_OTHER_SUFFIXES = {".yml", ".json"}


@dataclass(frozen=True, slots=True)
class ReadFlow:
    """A flow and its document."""

    flow: Flow
    document: Document


@dataclass(frozen=True, slots=True)
class MerchantFiles:
    """Everything in one merchant's folder; without a config the merchant cannot run."""

    folder: Path
    config: MerchantConfig | None = None
    document: Document | None = None
    flows: tuple[ReadFlow, ...] = ()
    problems: tuple[Problem, ...] = field(default=())

    @property
    def merchant_file(self) -> str:
        """The name of the merchant file, as problems call it."""
        return str(self.folder / MERCHANT_FILE)


def merchant_folders(root: Path) -> list[Path]:
    """Return the folders of a merchants directory, sorted; hidden ones (as mounts make them) are skipped."""
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith((".", "_")))


def files_of(folder: Path) -> list[Path]:
    """Return the files that make up a merchant, sorted; missing ones are left out."""
    flows = sorted(path for path in (folder / FLOWS_FOLDER).glob("*" + _SUFFIX) if not path.name.startswith("."))
    return [path for path in (folder / MERCHANT_FILE, *flows) if path.is_file()]


def read_merchant(folder: Path) -> MerchantFiles:
    """Read a merchant's folder; never raises for a file's content."""
    if not (folder / MERCHANT_FILE).is_file():
        missing = Problem(str(folder / MERCHANT_FILE), 1, "the file is missing", "every merchant's folder needs one")
        return MerchantFiles(folder, problems=(missing,))
    problems: list[Problem] = []
    flows: list[ReadFlow] = []
    document = _document(folder / MERCHANT_FILE, problems)
    config = _filled(MerchantConfig, document, problems)
    for path in files_of(folder)[1:]:
        written = _document(path, problems)
        flow = _filled(Flow, written, problems)
        if written and flow:
            flows.append(ReadFlow(flow, written))
    problems += _overlooked(folder)
    return MerchantFiles(folder, config, document, tuple(flows), tuple(problems))


def _document(path: Path, problems: list[Problem]) -> Document | None:
    """Return the document of a file, or add the problem that prevents it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        problems.append(Problem(str(path), 1, "the file cannot be read", "save it as readable UTF-8 text"))
        return None
    document = strict_yaml.load(text, str(path))
    if isinstance(document, Problem):
        problems.append(document)
        return None
    return document


def _filled(model: type[ModelT], document: Document | None, problems: list[Problem]) -> ModelT | None:
    """Return the model of a document, or add the problems that prevent it."""
    if document is None:
        return None
    filled = read_as(model, document)
    if isinstance(filled, list):
        problems += filled
        return None
    return filled


def _overlooked(folder: Path) -> list[Problem]:
    """Return a warning for each file that looks like configuration but is not read."""
    return [
        Problem(str(path), 1, "this file is not read", f"rename it to {path.stem}{_SUFFIX}", Severity.WARNING)
        for place in (folder, folder / FLOWS_FOLDER)
        for path in (sorted(place.iterdir()) if place.is_dir() else [])
        if path.suffix in _OTHER_SUFFIXES
    ]
