-- Whether a call was tense follows from how upset the customer was; a call in which nothing could be judged was neither.

alter table core.call_measures drop column tense;
alter table core.call_measures alter column upset_at_start drop not null;
alter table core.call_measures alter column upset_at_end drop not null;
alter table core.call_measures alter column transfers drop not null;
-- Where no rule could be judged at all, the call itself could not.
update core.call_measures m
set upset = 'unknown', upset_at_start = null, upset_at_end = null, calmed = null, transfers = null
from (
    select call_id, rulebook_version from core.findings
    group by call_id, rulebook_version having bool_and(verdict = 'not_assessable')
) f
where f.call_id = m.call_id and f.rulebook_version = m.rulebook_version;

-- Days and weeks are those of one clock, the site's, whatever offset a call's metadata were written with.
create table core.site (
    timezone varchar not null
);
comment on table core.site is 'One row once a run was made: the zone by whose clock all days and weeks are counted. Key: timezone.';

-- Calls show only whether a call came, not a letter: how a contact was promised is kept. Of earlier promises the quote
-- says it, as far as it goes.
alter table core.promises add column medium varchar;
update core.promises set medium = case
    when regexp_matches(lower(quote), '\b(call|ring|phone)') and not regexp_matches(lower(quote), '\b(e-?mail|text|message|write|writing)') then 'call'
    when regexp_matches(lower(quote), '\b(e-?mail|text|message|write|writing)') and not regexp_matches(lower(quote), '\b(call|ring|phone)') then 'writing'
    else 'any'
end;

-- What can have only a few values says which, in the order in which words are sorted.
alter table core.findings alter column verdict type enum('met', 'missed', 'not_applicable', 'not_assessable', 'unsure');
alter table core.findings alter column certainty type enum('likely', 'possible', 'sure');
alter table core.findings alter column witness type enum('both', 'phrases', 'recogniser');
alter table core.reviews alter column verdict type enum('met', 'missed', 'not_applicable', 'not_assessable', 'unsure');
alter table core.review_samples alter column rule_verdict
    type enum('met', 'missed', 'not_applicable', 'not_assessable', 'unsure');
alter table core.review_samples alter column sample_kind type enum('random', 'targeted');
alter table core.dispute_events alter column dispute_state type enum('open', 'overturned', 'upheld');
alter table core.rules alter column status type enum('live', 'retired', 'trial');
alter table core.transcripts alter column roles_from type enum('channels', 'guessed', 'labels', 'unknown');
alter table core.utterances alter column role type enum('agent', 'customer', 'system', 'unknown');
alter table core.speech_spans alter column role type enum('agent', 'customer', 'system', 'unknown');
alter table core.music_spans alter column role type enum('agent', 'customer', 'system', 'unknown');
alter table core.unheard_spans alter column role type enum('agent', 'customer', 'system', 'unknown');
alter table core.call_measures alter column upset type enum('clear', 'none', 'perhaps', 'unknown');
alter table core.episodes alter column closed_by type enum('accepted', 'call_end', 'thanked');
alter table core.promises alter column medium type enum('any', 'call', 'writing');
alter table core.runs alter column kind type enum('manual', 'nightly', 'reaudit');
alter table core.runs alter column state type enum('died', 'failed', 'finished', 'running');
alter table core.erasures alter column kind type enum('call', 'customer', 'recording', 'retention');
