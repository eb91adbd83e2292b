-- Why a rule came to its verdict, holds, and which files may pass another time are facts in columns of their own.
-- What earlier callaudits said of a finding in a sentence stays as it was written; of it, once, is read which way the
-- rule was missed, which other call and which of the customer's words the sentence names.

alter table core.findings rename column reason to former_reason;
alter table core.findings alter column former_reason drop not null;
alter table core.findings add column reason_code varchar;
alter table core.findings add column miss_kind varchar;
alter table core.findings add column seconds double;
alter table core.findings add column how_many integer;
alter table core.findings add column limit_number double;
alter table core.findings add column limit_unit varchar;
alter table core.findings add column since varchar;
alter table core.findings add column confidence double;
alter table core.findings add column named varchar[];
alter table core.findings add column other_call_id varchar;

alter table core.rules add column matcher varchar;
alter table core.rules add column speaker varchar;
alter table core.rules add column milestone varchar;
update core.rules set matcher = list_filter(
    ['expect', 'never', 'at_most', 'order', 'restates', 'uses_name', 'asks_again', 'hold', 'timing', 'kept_promise'],
    lambda key: json_extract(definition::json, '$.' || key) is not null)[1];
update core.rules set speaker = coalesce(
    json_extract_string(definition::json, '$.' || matcher || if(matcher = 'order', '.first', '') || '.speaker'),
    'agent');

update core.findings f set miss_kind = case
        when r.matcher in ('never', 'at_most', 'asks_again') then 'forbidden'
        when r.matcher = 'order' then 'wrong_order'
        when r.matcher = 'kept_promise' then 'broken_promise'
        when r.matcher in ('hold', 'timing') then r.matcher
        when near.note like '%; limit the rest of the call' then 'out_of_place'
        when near.note like '%; limit %' then 'too_late'
        when near.note like 'said before %' then 'too_early'
        when near.note like 'said % of % times' then 'too_few'
        when near.note = 'said without naming the issue' then 'not_specific'
        when near.note like 'said by the %' then 'by_the_other'
        else 'never' end
from (
    select rowid as row, list_filter(evidence, lambda e: e.kind = 'near_miss')[1].note as note
    from core.findings where verdict = 'missed'
) near, core.rules r
where near.row = f.rowid and r.rulebook_version = f.rulebook_version and r.rule_id = f.rule_id;

update core.findings f set other_call_id = coalesce(
        nullif(regexp_extract(former_reason, ', in call (.*)\.$', 1, 's'), ''),
        nullif(regexp_extract(former_reason, '; the next call was (.*), (inbound|outbound|direction unknown)\.$', 1, 's'), '')),
    evidence = list_transform(evidence, lambda e: struct_pack(
        kind := e.kind, turn := e.turn, "role" := e.role, start_s := e.start_s, end_s := e.end_s, quote := e.quote,
        char_start := e.char_start, char_end := e.char_end,
        note := if(e.kind = 'met' and e.note like 'call %', null, e.note), act := e.act,
        probability := e.probability, nearest_line := e.nearest_line))
from core.rules r
where r.rulebook_version = f.rulebook_version and r.rule_id = f.rule_id and r.matcher = 'kept_promise';

update core.findings f set named = string_split(regexp_extract(former_reason, '\(([^)]*)\)', 1), ', ')
from core.rules r
where r.rulebook_version = f.rulebook_version and r.rule_id = f.rule_id and r.matcher in ('restates', 'uses_name')
  and former_reason like '% (%)%';

create table core.holds (
    call_id varchar not null,
    rulebook_version varchar not null,
    position integer not null,
    start_s double not null,
    end_s double not null,
    kind varchar not null
);
comment on table core.holds is 'One row per hold in an audit of a call. Key: call_id, rulebook_version, position.';
-- Until now a hold stood only in the evidence of the rules about holds.
insert into core.holds
select
    call_id, rulebook_version, row_number() over (partition by call_id, rulebook_version order by start_s, end_s) - 1,
    start_s, end_s, kind
from (
    select
        call_id, rulebook_version, piece.start_s as start_s, piece.end_s as end_s,
        min(case when piece.note like 'music%' then 'music' when piece.note like 'both%' then 'silent' else 'spoken' end)
            as kind
    from (
        select f.call_id, f.rulebook_version, unnest(f.evidence) as piece
        from core.findings f
        join core.rules r on r.rulebook_version = f.rulebook_version and r.rule_id = f.rule_id and r.matcher = 'hold'
    )
    where piece.kind = 'trigger' and piece.quote = '' and piece.start_s is not null and piece.end_s is not null
    group by all
);

create table core.silences (
    call_id varchar not null,
    rulebook_version varchar not null,
    position integer not null,
    start_s double not null,
    end_s double not null,
    kind varchar not null
);
comment on table core.silences is 'One row per silence of both parties, as long as a hold may be and none, in an audit of a call. Key: call_id, rulebook_version, position.';
-- Whether an earlier silence was the agent's to fill was not kept.
insert into core.silences
select
    quiet.call_id, m.rulebook_version,
    row_number() over (partition by quiet.call_id, m.rulebook_version order by quiet.start_s) - 1,
    quiet.start_s, quiet.end_s, 'unknown'
from (
    select call_id, start_s as end_s, max(end_s) over (
        partition by call_id order by start_s, end_s rows between unbounded preceding and 1 preceding) as start_s
    from core.speech_spans
    where call_id in (
        select call_id from core.transcripts
        where list_contains(speech_roles, 'agent') and list_contains(speech_roles, 'customer'))
) quiet
join core.call_measures m on m.call_id = quiet.call_id
where quiet.end_s - quiet.start_s >= 8 and not exists (
    from core.holds h
    where h.call_id = quiet.call_id and h.rulebook_version = m.rulebook_version
      and h.start_s < quiet.end_s and quiet.start_s < h.end_s
);

alter table core.quarantine add column is_retryable boolean;
update core.quarantine set is_retryable =
    regexp_matches(code, '^(metadata|duplicate|failed|internal|not_found|not_readable)');
