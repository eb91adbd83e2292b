"""What agents say and customers do not, and the other way round, with how often.

Each phrase is a regular expression on words in lower case without punctuation (`folded`). With it stands how many
agents and how many customers said it in 93 conversations: half of 187 public customer-service chats and tweets (WMT24
chat, Twitter customer support, ABCD; `python benchmarks/speakers.py --count` counts anew). The phrases were written
for service on the telephone in general; only the numbers are from those conversations. Words of anger are left out:
the conversations were chosen for them, and both sides of a bad call use them.
"""

import re
from math import log

import msgspec

# A phrase that one side never used in so few conversations is still not proof.
_AT_MOST = 3.0
# "My name is ... from" and its like are too rare in chats to be counted; they make it three times as likely.
_UNCOUNTED = log(3.0)


class Phrase(msgspec.Struct, frozen=True):
    """A way of saying something; `weight` is above 0 where agents say it, below 0 where customers do.

    It is the logarithm of the ratio of the two shares of conversations: what hearing it once does to the odds.
    """

    expression: re.Pattern[str]
    weight: float


def folded(text: str) -> str:
    """The words in lower case, straight apostrophes, single spaces, nothing else."""
    return " ".join(re.sub(r"[^a-z' ]+", " ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).split())


_THINGS = (
    "account|order|number|name|address|e ?mail|phone|card|booking|reservation|details|date|post ?code|zip|policy|bill|"
    "invoice|payment|refund|device|issue|concern|problem|request|case|call|question|subscription|contract|line"
)
_NOT_A_CUSTOMERS = (
    "name|pleasure|apolog\\w*|colleagues?|supervisor|manager|end|system|side|best|screen|team|department|sincer\\w*"
)

# How many agents and how many customers said it, and what.
# fmt: off
COUNTED = (
    (33, 2, r"(thank you|thanks) for (calling|contacting|phoning|reaching out|getting in touch|choosing)"),
    (19, 8, r"(thank you|thanks) for (your (patience|time|call|understanding)|holding|waiting|the|that|"
          r"providing)"),
    (17, 0, r"(how|what) (can|may|could) (i|we) (help|assist|do)"),
    (55, 1, r"(help|assist) you"),
    (24, 4, r"(anything|something) else"),
    (15, 5, r"(may|can|could) i (please )?(have|get|take|ask|know|confirm) (you|your|the|for)"),
    (19, 3, r"(can|could|would|will) you (please |kindly )*(provide|confirm|verify|spell|share|describe|send)"),
    (10, 3, r"(what is|what's|give me|have|confirm|verify|need|found|see) your"),
    (58, 13, rf"your (\w+ )?({_THINGS})"),
    (11, 0, r"(let|allow) me (just )?(check|see|look|have|take|pull|find|get|transfer|put|verify|confirm)"),
    (51, 16, r"(i will|i'll|we will|we'll|i can|we can) (now |just |also )?(check|look|send|help|arrange|"
          r"put|transfer|make|call you|get|have|offer|give|go ahead|do|find|be)"),
    (25, 6, r"(one|a|another) (moment|second|minute)|bear with me|(hold|stay) on the line|hold on"),
    (34, 1, r"i('m| am) (so |very |really |truly )?sorry|i (do )?apologi[sz]e|apologies|sorry (to hear|"
          r"about|for)"),
    (18, 4, r"i (completely |fully |totally |can |do )*understand"),
    (31, 2, r"(happy|glad|pleased) to|my pleasure|no worries|(don't|not to) worry|you('re| are) welcome"),
    (30, 10, r"have a (very )?(great|good|nice|lovely|wonderful|pleasant|fantastic)"),
    (40, 4, r"our"),
    (55, 7, r"we (can|could|will|have|are|do|need|would)|we'(ll|re|ve|d)"),
    (58, 19, r"you (can|will|may|should|need|would|could|just need)"),
    (43, 12, r"(if|when|once) you"),
    (43, 13, r"(for|with|to|about) you"),
    (6, 3, r"(is|does|would) (that|this|it) (be )?(ok|okay|all right|alright|correct|right|work|sound|"
          r"suit|help)"),
    (42, 18, r"(are|do|did|have|were) you"),
    (22, 5, r"(please )?let me know|i can see|i see that|as i see"),
    (66, 29, r"please"),
    (19, 65, rf"my (?!{_NOT_A_CUSTOMERS})\w+"),
    (8, 32, r"i (want|need|wanted|needed|would like|'d like|was hoping) (?!your|you)\w+|i'd like (?!your|"
          r"you)\w+"),
    (2, 34, r"i('ve| have| had)? (just |already |only )?(bought|ordered|paid|received|got|tried|called|"
          r"phoned|rang|emailed|returned|sent you|waited|been waiting|been trying)"),
    (4, 35, r"i (just |still |really )?(don't|do not|didn't|did not|can't|can not|never|couldn't) (?!worry)\w+"),
    (7, 33, r"i('ve| have) (a|an|been|no|had|not|already|got|to)"),
    (11, 34, r"(it|that|which|they|and|but) (doesn't|didn't|does not|did not|won't|isn't|keeps|says|said|"
          r"was|had)"),
    (6, 24, r"nothing|nobody|no one|never|not work\w*"),
    (12, 24, r"why|when will|where is|how (long|come|much)"),
    (19, 27, r"help me|(told|gave|sent|charged|called|tell|give|send) me"),
    (1, 19, r"(a )?(few |couple of |two |three |several )?(days|weeks|months|hours) ago|last (week|month|"
          r"night)|yesterday|(for|since) (\w+ )?(days|weeks|months|hours)"),
    (11, 29, r"yes (i|it|please|that|he|she|they)|no (i|it|thank|thanks|that|they)"),
    (2, 8, r"(speak|talk) (to|with) (a|your|the|someone)|a (problem|question|complaint)"),
    (32, 54, r"(still|already|again|because)"),
    (12, 33, r"(is|was|are) (it|this|that|there) (possible|normal|a way)|do i|should i|will i|am i|if i"),
    (8, 17, r"that('s| is) (all|everything|great|perfect|me)|thank you (very|so) much"),
)

# Said on the telephone, not in chats.
_BY_AGENTS = (
    r"(my name is|this is|you('re| are) speaking (to|with)) \w+ (\w+ )?(from|with|at|in)",
    r"(customer|client) (service|services|care|support) (this is|my name|how|good)|(from|with|"
          r"to) customer (service|care|support)",
    r"(am i|may i|could i|can i) (speak|speaking|talk|talking) (to|with) (?!a|your|the|someone)\w+",
    r"calls? (is|are|may be|will be) (being )?recorded|(who|whom) am i (speaking|talking)",
    r"(put|place|transfer|connect) you|call you back",
    r"(sir|madam|ma'am|mister|missus|miss|mrs|mr)",
)
_BY_CUSTOMERS = (
    r"i('m| am) (calling|phoning|ringing) (about|because|to|regarding|for) (?!your|you|tell|let|"
          r"confirm|inform|offer)\w+",
)
# fmt: on


def _phrase(pattern: str, weight: float) -> Phrase:
    return Phrase(re.compile(rf"\b(?:{pattern})\b"), max(-_AT_MOST, min(_AT_MOST, weight)))


PHRASES = (
    *(_phrase(said, log((agents + 0.5) / (customers + 0.5))) for agents, customers, said in COUNTED),
    *(_phrase(said, _UNCOUNTED) for said in _BY_AGENTS),
    *(_phrase(said, -_UNCOUNTED) for said in _BY_CUSTOMERS),
)
