"""One call, exported in twelve shapes, is one transcript; and each trap of a shape has a claim of its own."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callaudit.audit_rules.audit import audit
from callaudit.audit_rules.finding import Verdict
from callaudit.audit_rules.rulebook import Rulebook, load_rulebook
from callaudit.audit_rules.sentences import reason_of
from callaudit.transcription.errors import Unreadable
from callaudit.transcription.exports import SHAPES, read_export, shape_of
from callaudit.transcription.exports.captions import WEBVTT, seconds_of
from callaudit.transcription.exports.shape import Content, Known
from callaudit.transcription.transcript import Call, RolesFrom, Span, SpeakerRole, Transcript
from callaudit.transcription.turns import turns_of

OURS = Path(__file__).parents[1] / "exports"
SHARED = Path(__file__).parents[2].parent / "shared" / "import_shapes" / "fixtures"
CALL = Call(call_id="41", source="inbox")
AGENT, CUSTOMER, UNKNOWN = SpeakerRole.AGENT, SpeakerRole.CUSTOMER, SpeakerRole.UNKNOWN

# File, the shape it must be recognised as, and what the source's settings call the agent.
TWELVE = {
    "contact_lens.json": ("Contact Lens", ""),
    "contact_lens_older.json": ("Contact Lens", ""),
    "transcribe_calls.json": ("Transcribe Call Analytics", ""),
    "transcribe_channels.json": ("Transcribe", "ch_1"),
    "transcribe_speakers.json": ("Transcribe", "spk_0"),
    "deepgram.json": ("Deepgram", "1"),
    "assemblyai.json": ("AssemblyAI", "2"),
    "twilio.json": ("Twilio", "2"),
    "whisper_agent.json": ("Whisper", ""),
    "zoom.vtt": ("WebVTT", "Ines Duarte"),
    "teams.vtt": ("WebVTT", "Ines Duarte"),
    "plain.srt": ("SRT", "Ines Duarte"),
}
SHARED_NAMES = {
    "contact_lens_v110.json": "contact_lens.json",
    "contact_lens_2022.json": "contact_lens_older.json",
    "transcribe_call_analytics.json": "transcribe_calls.json",
    "deepgram_multichannel.json": "deepgram.json",
    "assemblyai_multichannel.json": "assemblyai.json",
    "twilio_sentences.json": "twilio.json",
    "whisper_ch1_agent.json": "whisper_agent.json",
}


def read(name: str, folder: Path = OURS, *, agent: str | None = None) -> Transcript:
    """The transcript of one of the twelve; Whisper's comes as one file a party."""
    _, label = TWELVE[SHARED_NAMES.get(name, name)]
    label = label if agent is None else agent
    other = {"whisper_agent.json": "whisper_customer.json", "whisper_ch1_agent.json": "whisper_ch0_customer.json"}
    parties = (("agent", folder / name), ("customer", folder / other[name])) if name in other else ()
    return read_export(folder / name, call=CALL, speakers={label: AGENT} if label else {}, by_speaker=parties)


def altered(tmp_path: Path, name: str, change: Callable[[Any], object]) -> Path:
    """A copy of one of our exports with something changed in it."""
    content = json.loads((OURS / name).read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(transcript: Transcript) -> list[dict[str, object]]:
    return [{"role": u.role, "start": u.start, "end": u.end, "text": u.text} for u in transcript.utterances]


def refused(path: Path, **settings: Any) -> Unreadable:
    with pytest.raises(Unreadable) as error:
        read_export(path, call=CALL, **settings)
    return error.value


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load_rulebook()


# ---------------------------------------------------------------- the same call in all of them


@pytest.mark.parametrize("name", TWELVE)
def test_every_shape_gives_the_same_turns_roles_and_times(name: str):
    transcript = read(name)

    assert rows(transcript) == json.loads((OURS / "expected.json").read_text(encoding="utf-8"))
    assert turns_of(transcript) == turns_of(read("contact_lens.json"))
    assert transcript.roles_from is RolesFrom.LABELS


@pytest.mark.parametrize("name", TWELVE)
def test_a_shape_is_told_by_its_content_whatever_the_file_is_called(name: str, tmp_path: Path):
    nameless = tmp_path / "0815"
    nameless.write_bytes((OURS / name).read_bytes())

    shape = shape_of(nameless.read_bytes())

    assert shape is not None
    assert shape.name == TWELVE[name][0]
    assert [s.name for s in SHAPES if s.name == shape.name] == [shape.name]


WITH_LANGUAGE = {
    "contact_lens.json", "contact_lens_older.json", "transcribe_calls.json", "assemblyai.json", "whisper_agent.json",
}  # fmt: skip


@pytest.mark.parametrize("name", TWELVE)
def test_the_language_is_what_the_export_says_and_unknown_where_it_says_nothing(name: str):
    assert read(name).language == ("en" if name in WITH_LANGUAGE else None)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("contact_lens.json", lambda f: f.update(LanguageCode="de-DE")),
        ("transcribe_calls.json", lambda f: f.update(LanguageCode="de-DE")),
        ("transcribe_channels.json", lambda f: f["results"].update(language_code="de-DE")),
        ("assemblyai.json", lambda f: f.update(language_code="de")),
        ("deepgram.json", lambda f: [c.update(detected_language="de") for c in f["results"]["channels"]]),
    ],
)
def test_a_call_in_german_is_not_judged_by_rules_for_english(
    name: str, change: Callable[[Any], object], tmp_path: Path, rulebook: Rulebook
):
    _, label = TWELVE[name]
    path = altered(tmp_path, name, change)

    transcript = read_export(path, call=CALL, speakers={label: AGENT} if label else {})

    assert transcript.language == "de"
    assert {f.verdict for f in audit(transcript, rulebook).findings} == {Verdict.NOT_ASSESSABLE}


def verdicts(transcript: Transcript, rulebook: Rulebook) -> dict[str, object]:
    """What the rules found that need no times. How many seconds after the upset rests on the words' times, too."""
    timed = {rule.id for rule in rulebook.rules if rule.needs_times}
    return {
        f.rule_id: (f.verdict, re.sub(r"\b\d+ s ", "", reason_of(f)), [(e.kind, e.turn, e.quote) for e in f.evidence])
        for f in audit(transcript, rulebook).findings
        if f.rule_id not in timed
    }


@pytest.mark.parametrize("name", TWELVE)
def test_every_shape_gives_the_same_findings_where_a_rule_needs_no_times(name: str, rulebook: Rulebook):
    expected = verdicts(read("contact_lens.json"), rulebook)

    assert len(expected) > 30
    assert {verdict for verdict, *_ in expected.values()} >= {Verdict.MET, Verdict.MISSED, Verdict.NOT_APPLICABLE}
    assert verdicts(read(name), rulebook) == expected


SHARED_TWELVE = (
    *SHARED_NAMES, "transcribe_channels.json", "transcribe_speakers.json", "zoom.vtt", "teams.vtt", "plain.srt"
)  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared export shapes are not here")
@pytest.mark.parametrize("name", SHARED_TWELVE)
def test_the_shared_call_is_the_same_in_every_shape(name: str, rulebook: Rulebook):
    transcript = read(name, SHARED, agent="Dana Reyes" if name.endswith(("vtt", "srt")) else None)
    expected = [
        {"role": row["role"], "start": row["start_s"], "end": row["end_s"], "text": row["text"]}
        for row in json.loads((SHARED / "expected.json").read_text(encoding="utf-8"))
    ]

    assert rows(transcript) == expected
    assert verdicts(transcript, rulebook) == verdicts(read("contact_lens_v110.json", SHARED), rulebook)


# ---------------------------------------------------------------- when each party speaks


@pytest.mark.parametrize(
    ("name", "timed"),
    [(name, name.startswith(("contact", "transcribe_c", "deepgram", "assembly", "twilio"))) for name in TWELVE],
)
def test_speech_times_are_given_only_where_each_party_was_timed_on_a_channel_of_its_own(name: str, timed: bool):
    transcript = read(name)

    assert transcript.has_times is timed
    assert any("not from sound" in warning for warning in transcript.warnings) is timed
    if timed:
        assert transcript.speech[CUSTOMER] == (Span(3.5, 8.0), Span(12.6, 13.4))


def test_a_pause_between_two_words_is_no_speech(tmp_path: Path):
    def later(content: Any) -> None:
        for word in content["utterances"][1]["words"][5:]:
            word["start"] += 900
            word["end"] += 900
        content["utterances"][1]["end"] += 900

    transcript = read_export(altered(tmp_path, "assemblyai.json", later), call=CALL, speakers={"2": AGENT})

    assert [round(s.start, 1) for s in transcript.speech[CUSTOMER]] == [3.5, 6.1, 12.6]


@pytest.mark.parametrize("name", ["zoom.vtt", "plain.srt", "contact_lens.json"])
def test_confidence_is_not_made_up_where_an_export_gives_none(name: str):
    transcript = read(name)

    assert [u.confidence for u in transcript.utterances] == [None] * 5
    assert all(w.confidence is None for u in transcript.utterances for w in u.words)


def test_confidence_is_that_of_the_words():
    assert {u.confidence for u in read("deepgram.json").utterances} == {0.97}


# ---------------------------------------------------------------- roles


@pytest.mark.parametrize(
    "name", ["transcribe_channels.json", "transcribe_speakers.json", "deepgram.json", "assemblyai.json", "twilio.json"]
)
def test_a_number_alone_never_says_who_is_the_agent(name: str):
    transcript = read(name, agent="")

    assert {u.role for u in transcript.utterances} == {UNKNOWN}
    assert transcript.roles_from is RolesFrom.UNKNOWN
    assert transcript.speech == {}
    assert any("speakers in the source's settings" in w for w in transcript.warnings)


def test_two_speakers_whose_words_are_sure_are_named_by_them(tmp_path: Path):
    lines = (
        "Ann: Thank you for calling, how can I help you today?",
        "Bob: I ordered a lamp last week and it never came, nobody called me back.",
        "Ann: I am sorry. Let me check your account for you, please hold on.",
        "Bob: I want my money back, I can't wait.",
    )
    cues = "".join(f"\n{n}\n00:00:{n:02}.000 --> 00:00:{n + 1:02}.000\n{line}\n" for n, line in enumerate(lines))

    transcript = read_export(written(tmp_path, "two.vtt", f"WEBVTT\n{cues}"), call=CALL)

    assert [u.role for u in transcript.utterances] == [AGENT, CUSTOMER, AGENT, CUSTOMER]
    assert transcript.roles_from is RolesFrom.GUESSED
    assert transcript.role_confidence is not None
    assert transcript.role_confidence > 0.95
    assert "at 0:0" in transcript.role_evidence


def test_the_other_of_two_speakers_is_the_other_party():
    assert {u.role for u in read("zoom.vtt", agent="caller").utterances if u.text == "So what now?"} == {AGENT}


def test_a_third_speaker_leaves_the_roles_unknown(tmp_path: Path):
    text = (OURS / "zoom.vtt").read_text(
        encoding="utf-8"
    ) + "\n6\n00:00:20.000 --> 00:00:21.000\nSupervisor: One moment.\n"
    text += "\n7\n00:00:22.000 --> 00:00:23.000\nSupervisor: It is done.\n"

    transcript = read_export(written(tmp_path, "three.vtt", text), call=CALL, speakers={"Ines Duarte": AGENT})

    assert transcript.roles_from is RolesFrom.UNKNOWN
    assert any("“Caller”, “Supervisor”" in w for w in transcript.warnings)
    named = {"Ines Duarte": AGENT, "Supervisor": AGENT, "*": CUSTOMER}
    assert read_export(tmp_path / "three.vtt", call=CALL, speakers=named).roles_from is RolesFrom.LABELS


def test_the_agents_name_in_the_metadata_is_label_enough():
    call = Call(call_id="41", source="inbox", agent_name="ines duarte")

    assert read_export(OURS / "teams.vtt", call=call).utterances[0].role is AGENT


def test_an_agents_id_that_is_a_number_is_no_channel():
    call = Call(call_id="41", source="inbox", agent_id="1", customer_id="2")

    assert not read_export(OURS / "deepgram.json", call=call).has_roles


def test_a_label_may_be_meant_for_one_shape_only():
    speakers = {"1": CUSTOMER, "Deepgram 1": AGENT}

    assert read_export(OURS / "deepgram.json", call=CALL, speakers=speakers).utterances[0].role is AGENT
    assert read_export(OURS / "twilio.json", call=CALL, speakers=speakers).utterances[0].role is AGENT


def test_two_channels_with_the_same_words_are_one_mix(tmp_path: Path):
    def doubled(content: Any) -> None:
        content["utterances"] = [
            {**u, "channel": channel, "speaker": channel} for u in content["utterances"] for channel in ("1", "2")
        ]

    transcript = read_export(altered(tmp_path, "assemblyai.json", doubled), call=CALL, speakers={"2": AGENT})

    assert not transcript.has_roles
    assert "both channels carry the same words: roles unknown" in transcript.warnings


def test_two_parties_files_with_the_same_words_are_one_mix():
    parties = (("agent", OURS / "whisper_agent.json"), ("customer", OURS / "whisper_agent.json"))

    assert not read_export(OURS / "whisper_agent.json", call=CALL, by_speaker=parties).has_roles


# ---------------------------------------------------------------- Contact Lens and Transcribe


def test_older_contact_lens_files_put_the_role_where_newer_ones_put_an_id():
    old = json.loads((OURS / "contact_lens_older.json").read_text(encoding="utf-8"))

    assert {p["ParticipantId"] for p in old["Participants"]} == {"AGENT", "CUSTOMER"}
    assert rows(read("contact_lens_older.json")) == rows(read("contact_lens.json"))


def test_contact_lens_system_prompts_are_neither_party(tmp_path: Path):
    def prompt(content: Any) -> None:
        content["Transcript"][0]["ParticipantId"] = content["Participants"][2]["ParticipantId"]

    transcript = read_export(altered(tmp_path, "contact_lens.json", prompt), call=CALL)

    assert transcript.utterances[0].role is SpeakerRole.SYSTEM
    assert set(transcript.speech) == {AGENT, CUSTOMER}


def test_a_redacted_contact_says_that_names_may_be_missing(tmp_path: Path):
    path = altered(tmp_path, "contact_lens.json", lambda c: c["ContentMetadata"].update(Output="Redacted"))

    assert any("masked personal data" in w for w in read_export(path, call=CALL).warnings)


def test_a_chat_contact_is_no_call(tmp_path: Path):
    error = refused(altered(tmp_path, "contact_lens.json", lambda c: c.update(Channel="CHAT")))

    assert (error.code, "CHAT" in error.what) == ("export_unusable", True)


def test_transcribe_punctuation_has_no_time_and_hangs_on_the_word_before_it():
    (first, *_) = read("transcribe_channels.json").utterances

    assert [w.text for w in first.words][1:3] == ["morning,", "Harbour"]
    assert first.words[1].confidence == 0.97


def test_transcribe_times_are_text_and_a_text_that_is_no_time_is_named(tmp_path: Path):
    path = altered(tmp_path, "transcribe_channels.json", lambda c: c["results"]["items"][0].update(start_time="soon"))

    error = refused(path)

    assert error.code == "export_unparsable"
    assert "results.items[0].start_time" in error.what
    assert str(path) in error.why


@pytest.mark.parametrize("field", ["start_time", "end_time"])
def test_a_time_that_is_not_finite_is_no_time(tmp_path: Path, field: str):
    path = altered(tmp_path, "twilio.json", lambda c: c["sentences"][0].update({field: "nan"}))

    assert field in refused(path).what


def test_older_transcribe_files_name_the_speaker_beside_the_items(tmp_path: Path):
    def beside(content: Any) -> None:
        for item in content["results"]["items"]:
            del item["speaker_label"]

    transcript = read_export(
        altered(tmp_path, "transcribe_speakers.json", beside), call=CALL, speakers={"spk_0": AGENT}
    )

    assert rows(transcript) == rows(read("contact_lens.json"))


@pytest.mark.parametrize(("status", "code"), [("FAILED", "export_failed"), ("IN_PROGRESS", "export_unfinished")])
def test_a_transcribe_job_that_did_not_complete_says_so(tmp_path: Path, status: str, code: str):
    assert refused(altered(tmp_path, "transcribe_speakers.json", lambda c: c.update(status=status))).code == code


# ---------------------------------------------------------------- Deepgram, AssemblyAI, Twilio


def test_deepgram_without_utterances_is_cut_at_pauses_on_each_channel(tmp_path: Path):
    path = altered(tmp_path, "deepgram.json", lambda c: c["results"].pop("utterances"))

    transcript = read_export(path, call=CALL, speakers={"1": AGENT})

    assert rows(transcript) == rows(read("deepgram.json"))


def test_deepgram_words_are_those_with_punctuation():
    assert [w.text for w in read("deepgram.json").utterances[3].words] == ["So", "what", "now?"]


def test_deepgram_answering_is_not_when_the_call_was():
    assert read("deepgram.json").call.started_at is None


def test_assemblyai_counts_words_in_milliseconds_and_the_whole_in_seconds():
    transcript = read("assemblyai.json")

    assert transcript.utterances[-1].end == 18.2
    assert transcript.recording is not None
    assert transcript.recording.duration == 19.0


@pytest.mark.parametrize("none", [None, []])
def test_assemblyai_without_utterances_is_read_from_its_words(tmp_path: Path, none: object):
    path = altered(tmp_path, "assemblyai.json", lambda c: c.update(utterances=none))

    assert rows(read_export(path, call=CALL, speakers={"2": AGENT})) == rows(read("assemblyai.json"))


def test_assemblyai_without_channels_and_speakers_has_unknown_roles(tmp_path: Path):
    def mono(content: Any) -> None:
        content.update(utterances=None, multichannel=False, audio_channels=1)
        for word in content["words"]:
            word.update(speaker=None, channel=None)

    transcript = read_export(altered(tmp_path, "assemblyai.json", mono), call=CALL, speakers={"2": AGENT})

    assert not transcript.has_roles
    assert transcript.utterances[0].text.startswith("Good morning, Harbour Heating")


def test_assemblyai_with_channels_and_speakers_goes_by_the_channel(tmp_path: Path):
    def lettered(content: Any) -> None:
        for spoken in (*content["utterances"], *content["words"]):
            spoken["speaker"] += "A"

    transcript = read_export(altered(tmp_path, "assemblyai.json", lettered), call=CALL, speakers={"2": AGENT})

    assert rows(transcript) == rows(read("assemblyai.json"))


def test_an_assemblyai_error_is_told_with_its_reason(tmp_path: Path):
    error = refused(written(tmp_path, "a.json", '{"id": "x", "status": "error", "error": "File too short"}'))

    assert error.code == "export_failed"
    assert "File too short" in error.what


def test_twilio_times_may_be_null_and_are_then_unknown(tmp_path: Path):
    def untimed(content: Any) -> None:
        for sentence in content["sentences"]:
            sentence.update(start_time=None, end_time=None, words=None, confidence=None)

    transcript = read_export(altered(tmp_path, "twilio.json", untimed), call=CALL, speakers={"2": AGENT})

    assert [(u.start, u.end, u.confidence) for u in transcript.utterances] == [(None, None, None)] * 5
    assert [u.role for u in transcript.utterances] == [AGENT, CUSTOMER, AGENT, CUSTOMER, AGENT]
    assert transcript.speech == {}
    assert transcript.recording is not None
    assert transcript.recording.duration is None


def test_a_twilio_page_without_the_others_is_no_call(tmp_path: Path):
    error = refused(altered(tmp_path, "twilio.json", lambda c: c["meta"].update(next_page_url="https://x.invalid/1")))

    assert error.code == "export_incomplete"
    assert any("jq -s" in t for t in error.tries)


def test_twilio_pages_in_one_list_are_one_call_in_any_order(tmp_path: Path):
    page = json.loads((OURS / "twilio.json").read_text(encoding="utf-8"))
    first = {"sentences": page["sentences"][:2], "meta": {"page": 0, "next_page_url": "https://x.invalid/1"}}
    last = {"sentences": page["sentences"][2:], "meta": {"page": 1, "next_page_url": None}}
    path = written(tmp_path, "pages.json", json.dumps([last, first]))

    assert rows(read_export(path, call=CALL, speakers={"2": AGENT})) == rows(read("twilio.json"))


@pytest.mark.parametrize(("channels", "agent"), [((0, 1), "1"), ((1, 2), "2")])
def test_twilio_channels_count_from_nought_or_from_one_as_the_file_does(tmp_path: Path, channels: Any, agent: str):
    def numbered(content: Any) -> None:
        for sentence in content["sentences"]:
            sentence["media_channel"] = channels[sentence["media_channel"] - 1]

    transcript = read_export(altered(tmp_path, "twilio.json", numbered), call=CALL, speakers={agent: AGENT})

    assert transcript.utterances[0].role is AGENT


# ---------------------------------------------------------------- Whisper and its kin


def test_one_whisper_file_names_nobody():
    transcript = read_export(OURS / "whisper_agent.json", call=CALL)

    assert not transcript.has_roles
    assert transcript.utterances[0].text == "Good morning, Harbour Heating, this is Ines."


def test_whisperx_labels_speakers_and_leaves_numerals_without_times(tmp_path: Path):
    text = json.dumps(
        {
            "segments": [
                {"start": 0.5, "end": 2.0, "text": " Since 2014.", "speaker": "SPEAKER_00",
                 "words": [{"word": "Since", "start": 0.5, "end": 0.9, "score": 0.8}, {"word": "2014."}]},
                {"start": 2.5, "end": 3.0, "text": "I see.", "speaker": "SPEAKER_01",
                 "words": [{"word": "I", "start": 2.5, "end": 2.6, "score": 0.8, "speaker": "SPEAKER_01"},
                           {"word": "see.", "start": 2.6, "end": 3.0, "score": 0.6, "speaker": "SPEAKER_01"}]},
            ],
            "word_segments": [],
            "language": "en",
        }
    )  # fmt: skip

    transcript = read_export(written(tmp_path, "x.json", text), call=CALL, speakers={"SPEAKER_01": AGENT})

    assert [(u.role, u.text, len(u.words)) for u in transcript.utterances] == [
        (CUSTOMER, "Since 2014.", 0),
        (AGENT, "I see.", 2),
    ]
    assert transcript.utterances[1].confidence == pytest.approx(0.7)


def test_whisper_timestamped_calls_its_words_text_and_its_probability_confidence(tmp_path: Path):
    segment = {"start": 0.5, "end": 0.9, "text": " Hello", "confidence": 0.8,
               "words": [{"text": "Hello", "start": 0.5, "end": 0.9, "confidence": 0.75}]}  # fmt: skip
    path = written(tmp_path, "x.json", json.dumps({"text": "Hello", "segments": [segment], "language": "en"}))

    assert read_export(path, call=CALL).utterances[0].words[0].confidence == 0.75


# ---------------------------------------------------------------- captions


def captions(tmp_path: Path, *lines: str, agent: str = "") -> list[tuple[str, SpeakerRole]]:
    cues = [f"00:{n:02}.000 --> 00:{n:02}.900\n{line}\n" for n, line in enumerate(lines)]
    path = written(tmp_path, "a.vtt", "WEBVTT - a title\n\nNOTE made by hand\n\n" + "\n".join(cues))
    transcript = read_export(path, call=CALL, speakers={agent: AGENT} if agent else {})
    return [(u.text, u.role) for u in transcript.utterances]


def test_a_colon_in_speech_is_no_speaker(tmp_path: Path):
    said = captions(tmp_path, "Ana: Hello.", "The answer is: no.", "Ana: Sorry.")

    assert [text for text, _ in said] == ["Hello.", "The answer is: no.", "Sorry."]


def test_a_name_that_is_said_once_counts_if_it_is_in_the_roster(tmp_path: Path):
    assert captions(tmp_path, "Ana: Hello.", "Customer: Hi.", agent="Ana") == [("Hello.", AGENT), ("Hi.", CUSTOMER)]


def test_a_name_in_brackets_on_its_own_line_is_a_speaker(tmp_path: Path):
    said = captions(
        tmp_path, "(Ana Lund)\nHello.", "Customer: Hi.", "(Ana Lund)\nBye.", "(sighs)\nWell.", agent="Ana Lund"
    )

    assert said[:3] == [("Hello.", AGENT), ("Hi.", CUSTOMER), ("Bye.", AGENT)]
    assert said[3][0] == "(sighs) Well."


def test_voice_tags_entities_and_styles_are_read_as_text(tmp_path: Path):
    said = captions(
        tmp_path, "<v.loud Ana Lund>Fish &amp; <i>chips</i></v>", "<v Customer>Two\nlines", agent="Ana Lund"
    )

    assert said == [("Fish & chips", AGENT), ("Two lines", CUSTOMER)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_captions_are_read_in_the_encodings_that_programs_write(tmp_path: Path, encoding: str):
    path = tmp_path / "a.srt"
    path.write_text((OURS / "plain.srt").read_text(encoding="utf-8"), encoding=encoding, newline="\r\n")

    assert rows(read_export(path, call=CALL, speakers={"Ines Duarte": AGENT})) == rows(read("plain.srt"))


def test_a_broken_clock_is_named(tmp_path: Path):
    error = refused(written(tmp_path, "a.vtt", "WEBVTT\n\n00:61.000 --> 00:62.000\nHello\n"))

    assert "00:61.000" in error.what


@given(st.integers(0, 359_999_999), st.sampled_from(".,"), st.booleans())
def test_a_clock_reads_back_to_the_millisecond(millis: int, sep: str, hours: bool):
    h, m, s, ms = millis // 3_600_000, millis // 60_000 % 60, millis // 1000 % 60, millis % 1000
    clock = f"{h:02}:{m:02}:{s:02}{sep}{ms:03}" if h or hours else f"{m:02}:{s:02}{sep}{ms:03}"

    assert seconds_of(clock) == millis / 1000


NAMES = st.sampled_from(["Ana Lund", "Customer", "Jörg Ø", "O'Neil"])
WORDS = st.lists(st.sampled_from("yes no the answer is well <3 & fine 7".split()), min_size=1, max_size=6)


@given(st.lists(st.tuples(NAMES, WORDS), min_size=1, max_size=8))
def test_what_is_written_as_voices_is_read_back(said: list[tuple[str, list[str]]]):
    def escaped(words: list[str]) -> str:
        return " ".join(words).replace("&", "&amp;").replace("<", "&lt;")

    cues = [f"00:00:{n:02}.000 --> 00:00:{n:02}.500\n<v {name}>{escaped(w)}</v>\n" for n, (name, w) in enumerate(said)]
    export = WEBVTT.read(Content(text=("WEBVTT\n\n" + "\n".join(cues)).encode(), keys={}), Known())

    assert [(p.speaker, p.text) for p in export.said] == [(name, " ".join(words)) for name, words in said]


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize("text", ['{"hello": 1}', "[]", '[{"x": 1}]', "plain words", "\x00\x01", ""])
def test_an_unknown_shape_is_refused_with_what_was_looked_for(tmp_path: Path, text: str):
    error = refused(written(tmp_path, "a.json", text))

    assert error.code == "export_unknown"
    for shape in SHAPES:
        assert shape.name in error.why
        assert shape.known_by in error.why


def test_a_field_of_another_kind_is_named(tmp_path: Path):
    path = altered(tmp_path, "contact_lens.json", lambda c: c["Transcript"][2].update(BeginOffsetMillis="soon"))

    error = refused(path)

    assert error.code == "export_unparsable"
    assert "Transcript[2].BeginOffsetMillis" in error.why
    assert str(path) in error.why


@pytest.mark.parametrize("begin", [-5, 99_000])
def test_times_that_cannot_be_are_refused(tmp_path: Path, begin: int):
    path = altered(tmp_path, "contact_lens.json", lambda c: c["Transcript"][0].update(BeginOffsetMillis=begin))

    assert refused(path).code == "export_unparsable"


def test_an_export_without_words_is_refused(tmp_path: Path):
    assert refused(altered(tmp_path, "contact_lens.json", lambda c: c.update(Transcript=[]))).code == "no_words"


@pytest.mark.parametrize("name", [n for n in TWELVE if n.endswith("json")])
def test_a_file_cut_in_two_is_refused(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes((OURS / name).read_bytes()[:700])

    error = refused(path)

    assert error.code == "export_unparsable"
    assert "truncated" in error.why


def test_personal_data_in_an_export_are_masked(tmp_path: Path):
    said = "My card is 4111 1111 1111 1111."
    path = altered(tmp_path, "contact_lens.json", lambda c: c["Transcript"][1].update(Content=said))

    transcript = read_export(path, call=CALL)

    assert "4111" not in " ".join(u.text for u in transcript.utterances)
    assert transcript.redactions == 1
    assert "4111" in " ".join(u.text for u in read_export(path, call=CALL, redact=False).utterances)


def test_words_are_kept_only_where_they_are_the_words_of_the_text(tmp_path: Path):
    path = altered(tmp_path, "twilio.json", lambda c: c["sentences"][3].update(transcript="So, [PII], what now?"))

    transcript = read_export(path, call=CALL, speakers={"2": AGENT})

    assert transcript.utterances[3].text == "So, [PII], what now?"
    assert transcript.utterances[3].words == ()
    assert all(" ".join(w.text for w in u.words) in ("", u.text) for u in transcript.utterances)
