-- Questions that people ask by name: from scorecard('call-8841'), from compliance_by_week('Marco Lee') ...

create or replace macro scorecard(call) as table
select s.scorecard, s.step_number, s.step, s.step_title, f.rule_id, f.asks, f.verdict, f.reason, f.at_s, f.quote
from findings f
join core.scorecard_steps s on s.rulebook_version = f.rulebook_version and s.rule_id = f.rule_id
where f.call_id = call
order by s.scorecard, s.step_number, f.rule_id;
comment on macro table scorecard is 'One row per scorecard, step and rule of a call.';

create or replace macro compliance_by_week(agent) as table
select iso_week, scorecard, agent_name, team, calls, judged, met, unsure, rate, wilson_low, wilson_high, unsure_share, score
from agents_by_week
where agent_id = agent or agent_name = agent
order by scorecard, iso_week;
comment on macro table compliance_by_week is 'One row per ISO week and scorecard of an agent, by id or name.';

create or replace macro quotes(words) as table
select e.call_id, c.agent_name, c.iso_week, e.rule_id, e.verdict, e.kind, e.speaker, e.start_s as at_s, e.quote
from evidence e
join core.calls c on c.call_id = e.call_id
where contains(lower(e.quote), lower(words))
order by c.started_at, e.call_id, e.start_s;
comment on macro table quotes is 'One row per quote behind a verdict that holds these words.';

create or replace macro said(phrase) as table
select u.call_id, c.agent_name, c.iso_week, u.speaker, u.start_s as at_s, u.text
from utterances u
join core.calls c on c.call_id = u.call_id
where contains(lower(u.text), lower(phrase))
order by c.started_at, u.call_id, u.position;
comment on macro table said is 'One row per utterance that holds these words, whoever said them.';
