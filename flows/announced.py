"""Sentences that a source's recordings say: found in the stored calls, and named in the settings."""

from collections import defaultdict
from collections.abc import Iterable

import tomlkit

from callaudit.flows.access import write_whole
from callaudit.flows.settings import Settings, settings_of
from callaudit.transcription.announcements import Repeated, repeated
from callaudit.transcription.errors import SetupError
from callaudit.warehouse.stored_calls import stored_calls


def announced_in(settings: Settings) -> tuple[Repeated, ...]:
    """What stored calls repeat as only a recording does (`transcription.announcements.repeated`).

    What is known for a recording already, by its wording or by the settings, is not among it. Raises InputError where
    nothing is stored.
    """
    named = {source.name: source.announcements for source in settings.sources}
    with stored_calls(settings.published, settings.warehouse) as calls:
        return repeated(calls.transcripts, named)


def name_in_settings(settings: Settings, found: Iterable[Repeated]) -> tuple[Repeated, ...]:
    """Add the sentences to `announcements` of their sources in callaudit.toml; the rest of the file stays as it is.

    Returns those whose source is in the file, which are those that were added. Raises SetupError where there is no file
    or it cannot be written.
    """
    if settings.file is None:
        raise SetupError("there is no callaudit.toml to name them in", tries=("callaudit init",))
    document = tomlkit.parse(settings.file.read_text(encoding="utf-8"))
    sources = {str(table.get("name", "inbox")): table for table in document.get("sources", ())}
    sentences: dict[str, list[str]] = defaultdict(list)
    added = tuple(one for one in found if one.source in sources)
    for one in added:
        sentences[one.source].append(one.sentence)
    for source, more in sentences.items():
        known = [str(sentence) for sentence in sources[source].get("announcements", ())]
        # Set in place, so that the comment behind it stays.
        sources[source]["announcements"] = [*known, *(sentence for sentence in more if sentence not in known)]
    text = tomlkit.dumps(document)
    settings_of(text, settings.file)
    write_whole(settings.file, text)
    return added
