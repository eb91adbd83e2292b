from datetime import date

import pytest

from callaudit.flows.settings import load_settings
from callaudit.transcription.errors import SetupError


def write(tmp_path, text):
    path = tmp_path / "callaudit.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_everything_has_a_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.file is None
    assert settings.engine.name == "auto"
    assert str(settings.warehouse) == "callaudit-home/warehouse.duckdb"


def test_the_example_that_init_writes_is_every_default():
    from pathlib import Path

    import callaudit.flows.settings as module

    example = load_settings(Path(module.__file__).parent / "example.toml")
    bare = module.Settings()
    assert (example.site, example.paths, example.engine) == (bare.site, bare.paths, bare.engine)
    assert (example.transcription, example.run, example.report) == (bare.transcription, bare.run, bare.report)
    assert (example.access, example.watch) == (bare.access, bare.watch)


def test_paths_are_relative_to_the_file(tmp_path):
    settings = load_settings(write(tmp_path, '[paths]\nreports = "../pages"\n[[sources]]\nfolder = "in"\n'))
    assert settings.reports == tmp_path.parent / "pages"
    assert settings.inbox_sources()[0].folder == tmp_path / "in"


def test_the_environment_overrides_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLAUDIT_RUN__WORKERS", "3")
    assert load_settings(write(tmp_path, "[run]\nworkers = 1\n")).run.workers == 3


def test_a_misspelt_key_is_named_with_its_line_and_the_nearest_key(tmp_path):
    path = write(tmp_path, "[engine]\n\nmodle = 'tiny.en'\n")
    with pytest.raises(SetupError, match="“modle” is not a setting") as error:
        load_settings(path)
    assert "line 3" in error.value.why
    assert "Did you mean “model”?" in error.value.why


def test_a_misspelt_zone_is_named_with_the_nearest_zone(tmp_path):
    with pytest.raises(SetupError, match="“Europe/Londn” is not a time zone") as error:
        load_settings(write(tmp_path, '[site]\ntimezone = "Europe/Londn"\n'))
    assert "Europe/London" in error.value.why


def test_business_hours_and_holidays_are_read_and_what_cannot_be_is_told_with_its_line(tmp_path):
    hours = 'hours = { mon = "09:00-17:30", sat = "10:00-24:00" }\nholidays = ["2026-12-25", 2027-01-01]\n'
    found = load_settings(write(tmp_path, f'[site]\ntimezone = "Europe/Berlin"\n{hours}')).business_time
    assert found is not None
    assert found.days == ((540, 1050), None, None, None, None, (600, 1440), None)
    assert (found.zone, found.holidays) == ("Europe/Berlin", (date(2026, 12, 25), date(2027, 1, 1)))
    assert load_settings(write(tmp_path, "[site]\n")).business_time is None

    for wrong in ('hours = { mon = "9 to 5" }', 'hours = { monday = "09:00-17:30" }', 'holidays = ["2026-12-25"]'):
        with pytest.raises(SetupError, match="cannot be: ") as error:
            load_settings(write(tmp_path, f"[site]\n{wrong}\n"))
        assert "line 2" in str(error.value)
    with pytest.raises(SetupError, match="not valid"):
        load_settings(write(tmp_path, '[site]\nhours = { mon = "09:00-17:30" }\nholidays = ["Christmas"]\n'))


def test_broken_toml_is_a_set_up_error(tmp_path):
    with pytest.raises(SetupError, match="not valid TOML"):
        load_settings(write(tmp_path, "[site\n"))


def test_a_value_of_the_wrong_kind_is_a_set_up_error(tmp_path):
    with pytest.raises(SetupError, match="not valid"):
        load_settings(write(tmp_path, '[run]\nworkers = "many"\n'))


def test_a_settings_file_that_is_not_there_is_a_set_up_error(tmp_path):
    with pytest.raises(SetupError, match="there is no settings file"):
        load_settings(tmp_path / "nowhere.toml")


def test_a_folder_that_is_no_source_may_hold_calls_without_metadata(tmp_path):
    settings = load_settings(write(tmp_path, '[[sources]]\nfolder = "in"\n'))
    assert [s.metadata for s in settings.inbox_sources(tmp_path / "in", tmp_path / "other")] == ["required", "optional"]


def test_a_misspelt_key_of_a_source_is_named_with_the_nearest_key(tmp_path):
    file = tmp_path / "callaudit.toml"
    file.write_text('[[sources]]\nname = "a"\nfolder = "a"\nagent_chanel = 1\n', encoding="utf-8")

    with pytest.raises(SetupError, match="agent_channel"):
        load_settings(file)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[run]\nworkers = -5\n", "workers"),
        ("[run]\nworkers = 99999999999999999999\n", "workers"),
        ("[run]\naudio_minutes_per_batch = inf\n", "audio_minutes_per_batch"),
        ("[retention]\naudio_days = 99999999999\n", "audio_days"),
        ('[site]\ntimezone = ""\n', "timezone"),
        ("[transcription]\npause = nan\n", "pause"),
        ("[transcription]\npause = inf\n", "pause"),
        ("[transcription]\npause = 0\n", "pause"),
        ("[transcription]\nmin_confidence = 7\n", "min_confidence"),
        ("[engine]\nbatch = -1\n", "batch"),
        ("[engine]\ndownload_timeout = -1.0\n", "download_timeout"),
        ("[mail]\nport = 99999\n", "port"),
        ('[[sources]]\nfolder = "a\\u0000b"\n', "folder"),
        ('[paths]\nhome = "a\\u0000b"\n', "home"),
    ],
)
def test_a_value_that_nothing_can_be_done_with_is_told_with_its_line(tmp_path, text, key):
    file = tmp_path / "callaudit.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError) as error:
        load_settings(file)
    assert "line 2" in str(error.value)
    assert key in str(error.value) or "time zone" in error.value.what


@pytest.mark.parametrize("content", [b"a = " + b"[" * 5000 + b"]" * 5000, b"\xff\xfe\x00", b"a = 1\x00"])
def test_a_file_that_is_no_settings_is_told_in_one_sentence(tmp_path, content):
    file = tmp_path / "callaudit.toml"
    file.write_bytes(content)
    with pytest.raises(SetupError, match=r"callaudit\.toml"):
        load_settings(file)


def test_a_variable_that_names_no_section_is_told(tmp_path, monkeypatch):
    file = tmp_path / "callaudit.toml"
    file.write_text('[[sources]]\nfolder = "a"\n', encoding="utf-8")
    monkeypatch.setenv("CALLAUDIT_SOURCES__FOLDER", "b")
    with pytest.raises(SetupError, match="CALLAUDIT_SOURCES__FOLDER"):
        load_settings(file)
