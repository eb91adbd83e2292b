"""Whether an apology or an acknowledgement is about something, or could have been said to anybody."""

import re

from callaudit.audit_rules.acts.said import Place
from callaudit.audit_rules.content_words import content_stems, stem
from callaudit.audit_rules.conversation import Conversation
from callaudit.audit_rules.phrases.normalise import normalise

# Where the next clause begins, heard without punctuation: what follows it is no longer what the agent is sorry for.
_NEXT_CLAUSE = re.compile(
    r"(?:^|(?<= ))(?:[.?]|(?:may|can|could|would|will|shall|do|did|have|are|is|was|were) (?:i|we|you|there|it|this)"
    r"|(?:i|we) (?:will|can|would|shall|do|am|are|have|hope|want|understand|see|know|appreciate|certainly|just|really)"
    r"|(?<=. )(?:it|this|that|there|these) (?:is|are|was|were|has|have|could|may|might|will|can|should)"
    r"|(?:let|allow) (?:me|us)|and|but|so|as|or|however|please|kindly|thank|thanks|unfortunately|rest assured"
    r"|if you|have an?|bear with|mr|mrs|ms|sir|madam|maam|what|which|at the moment|right now|because|since"
    r"|in (?:this|that|the) (?:case|meantime)) "
)
_CLAUSE_WORDS = 12
# The agent says what happened in a sentence of its own, and points at it: "how frustrating this is".
_TELLS = re.compile(
    r"(?:i|we) (?:can |do |could |fully |completely |also )*(?:understand|see|hear|know|notice) "
    r"(?:(?:that |how )?(?:you|your|there|many|much)|that (?:the|our|an?|it|nobody)) (?P<what>(?:[^ .?]+ ){2,14})"
)
# Said of any complaint, so naming them names no issue. A delay is one: it says what went wrong.
_STOCK = frozenset(
    stem(w)
    for w in """account anger angry annoyance annoyed anxiety bad bother case cause circumstance concern confusion day
    difficulty disappointment discomfort disruption experience experiencing face facing feelings frustration hassle
    inconvenience inconvenient issue matter mess misunderstanding negative pain patience poor problem recent running
    service situation stress terrible today trouble unpleasant upset worry""".split()
)
_POINTS = frozenset("this that it these all".split())
_ENOUGH = 2


def names_the_issue(call: Conversation, place: Place) -> bool:
    """Whether the clause that a phrase opens is about something: content beyond the stock words of complaint.

    The phrase's own words count only where the customer said them, so "I understand your frustration" names
    nothing while "I am sorry that the lamp came broken" does. With "this" or "that" it may also point at the
    sentence before or after, in which the agent says what happened.
    """
    text = call.texts[place.turn]
    phrase = text[place.start : place.end]
    following = text[place.end + 1 :]
    end = _NEXT_CLAUSE.search(following)
    clause = (following[: end.start()] if end else following).split()[:_CLAUSE_WORDS]
    if _about(phrase.split()[-1], clause, _names(call)) or call.from_customer(_content(phrase), before=place.turn):
        return True
    points = not _POINTS.isdisjoint([*phrase.split()[-6:], *clause[:2]])
    return points and _told(call, place)


def _told(call: Conversation, place: Place) -> bool:
    text = call.texts[place.turn]
    before = text[: place.start].split()[-2 * _CLAUSE_WORDS :]
    _, _, after = text[place.end :].partition(". ")
    recalled = call.from_customer(_content(" ".join(before[-_CLAUSE_WORDS:])), before=place.turn)
    told = [m["what"] for m in (*_TELLS.finditer(" ".join([*before, ""])), _TELLS.match(after)) if m]
    return len(recalled) >= _ENOUGH or any(len(_content(what)) >= _ENOUGH for what in told)


def _about(last: str, clause: list[str], names: frozenset[str]) -> bool:
    content = [n for n, word in enumerate(clause) if word not in names and _content(f"{word} ")]
    if content != [len(clause) - 1]:
        return bool(content)
    # "Sorry for the trouble, Anthony": a lone last word after "trouble" or "this" is a name, not an issue.
    before = [last, *clause][-2]
    return not (before in _POINTS or stem(before) in _STOCK) or clause[-3:-2] == ["with"]


def _content(text: str) -> frozenset[str]:
    return frozenset(s for s in content_stems(text) if s not in _STOCK)


def _names(call: Conversation) -> frozenset[str]:
    known = f"{call.transcript.call.customer_name or ''} {call.transcript.call.agent_name or ''}"
    return frozenset(normalise(known).split())
