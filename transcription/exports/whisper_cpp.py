"""The JSON that whisper.cpp's command line writes (`-oj`, `-ojf`).

Source: ggml-org/whisper.cpp, `examples/cli/cli.cpp`. Offsets are milliseconds. With `--diarize` the two channels of a
recording are told apart by their loudness: a segment then has a speaker "0" or "1", or "?" where both are as loud;
its times are Whisper's, so they are not when each party speaks. Tokens are parts of words: they are not kept.
"""

import msgspec

from callaudit.transcription.exports.shape import Export, Known, Millis, Said, Shape, from_millis, of_json

_UNSURE = "?"


class _Offsets(msgspec.Struct, rename={"start": "from", "end": "to"}):
    start: Millis
    end: Millis


class _Segment(msgspec.Struct):
    text: str
    offsets: _Offsets
    speaker: str | None = None


class _Model(msgspec.Struct):
    type: str = ""


class _Result(msgspec.Struct):
    language: str | None = None


class _File(msgspec.Struct):
    transcription: list[_Segment]
    model: _Model | None = None
    result: _Result | None = None


def _read(file: _File, _: Known) -> Export:
    return Export(
        said=tuple(
            Said(
                speaker="" if segment.speaker in {None, _UNSURE} else str(segment.speaker),
                text=segment.text.replace("[SPEAKER_TURN]", ""),
                start=from_millis(segment.offsets.start),
                end=from_millis(segment.offsets.end),
            )
            for segment in file.transcription
        ),
        model=file.model.type if file.model else "",
        language=file.result.language if file.result else None,
    )


WHISPER_CPP = Shape(
    name="whisper.cpp",
    known_by="JSON with a transcription whose segments have offsets",
    recognises=lambda c: c.inside("transcription", "offsets"),
    read=of_json(_File, _read),
    piece=("offsets", "text"),
    around=(b'{"transcription":[', b"]}"),
)
