-- one row per call and tense stretch
create view episodes as
select
    c.call_id, c.source, c.started_at, c.local_date, c.iso_week, strftime(c.local_date, '%Y-%m') as month,
    c.agent_id, c.agent_name, c.team, c.customer_id,
    c.queue, c.direction,
    e.episode,
    e.first_turn,
    e.last_turn,
    e.start_s,
    e.end_s,
    e.opened_by,
    e.closed_by
from core.episodes e
join core.current_audits a on a.call_id = e.call_id and a.rulebook_version = e.rulebook_version
join core.calls c on c.call_id = e.call_id;
comment on view episodes is 'One row per tense stretch of a call: from the first upset words until acceptance, thanks or the end. Key: call_id, episode.';
