"""What the code must never do, and what must never be written: shells, pickles, secrets."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from callaudit.flows.settings import load_settings
from callaudit.transcription.errors import SetupError

ROOT = Path(__file__).parents[1]
PACKAGES = ("transcription", "audit_rules", "warehouse", "reports", "flows", "callaudit")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

# Each would run code that comes out of a file, or hand words to a shell.
NEVER_IMPORTED = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "pty", "commands"}
HARMLESS = {("pickle", "UnpicklingError")}
NEVER_CALLED = {
    "eval", "exec", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "tempfile.mktemp",
    "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "pandas.read_pickle", "pd.read_pickle", "torch.hub.load",
}  # fmt: skip
SAFE_LOADERS = {"yaml.SafeLoader", "yaml.CSafeLoader"}


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def given(call: ast.Call, keyword: str) -> str:
    return next((ast.unparse(k.value) for k in call.keywords if k.arg == keyword), "")


def dangers(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.partition(".")[0] in NEVER_IMPORTED)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in NEVER_IMPORTED:
            yield from (
                f"from {node.module} import {a.name}" for a in node.names if (node.module, a.name) not in HARMLESS
            )
        elif isinstance(node, ast.Call):
            called = name_of(node.func)
            if called in NEVER_CALLED:
                yield called
            if given(node, "shell") not in ("", "False"):
                yield f"{called} with a shell"
            # An own `yaml` is ruamel's reader, which makes plain values.
            if (
                called == "yaml.load"
                and "\nimport yaml\n" in f"\n{source}\n"
                and given(node, "Loader") not in SAFE_LOADERS
            ):
                yield "yaml.load with a loader that makes objects"
            if called == "torch.load" and given(node, "weights_only") != "True":
                yield "torch.load of more than weights"
            if given(node, "allow_pickle") not in ("", "False"):
                yield f"{called} of pickles"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_shell_no_pickle_no_yaml_objects_no_more_than_weights(path):
    assert list(dangers(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.memory",
        "subprocess.run('ls', shell=True)",
        "os.system('ls')",
        "import yaml\nyaml.load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "eval(text)",
    ],
)
def test_the_search_sees_each_danger(source):
    assert len(list(dangers(source))) == 1


def test_prefect_keeps_no_answers_of_tasks():
    """They would be pickles on disk; the warehouse is the store of record."""
    from prefect.settings import PREFECT_RESULTS_PERSIST_BY_DEFAULT

    import callaudit  # noqa: F401  Sets what Prefect goes by.

    assert PREFECT_RESULTS_PERSIST_BY_DEFAULT.value() is False
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "flows").rglob("*.py"))]
    assert [s for s in sources if "persist_result=True" in s] == []


@pytest.mark.parametrize("key", ["password", "smtp_password"])
def test_a_password_in_the_settings_file_is_refused_and_not_repeated(tmp_path, key):
    path = tmp_path / "callaudit.toml"
    path.write_text(f'[mail]\nhost = "h"\n{key} = "vErYsEcReT"\n')
    with pytest.raises(SetupError) as caught:
        load_settings(path)
    assert "vErYsEcReT" not in str(caught.value)


# ---------- the dependencies


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit_dependencies", ROOT / "scripts" / "audit_dependencies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_vulnerable_pin_fails_with_the_version_that_mends_it(audit):
    flaw = {"id": "PYSEC-1", "fix_versions": ["2.1"]}
    told = [{"name": "a", "version": "2.0", "vulns": [flaw]}, {"name": "b", "version": "1", "vulns": []}]
    code, says = audit.verdict(told)
    assert code == 1
    assert "a 2.0: PYSEC-1, mended in 2.1" in says


def test_a_registry_without_advisories_is_said_to_have_audited_nothing(audit):
    for told in ([], [{"name": "a", "skip_reason": "not found"}]):
        code, says = audit.verdict(told)
        assert (code, "not audited" in says) == (0, True)


def test_clean_pins_pass_and_what_was_skipped_is_counted(audit):
    told = [{"name": "a", "version": "2.0", "vulns": []}, {"name": "b", "skip_reason": "not found"}]
    assert audit.verdict(told) == (0, "Dependencies: no known vulnerability in 1 pins; 1 not audited.")
