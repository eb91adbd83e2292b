-- one row per thing agreed with an agent in coaching
create view agreements as
select
    a.agreement_id,
    a.agent_id,
    (select arg_max(c.agent_name, c.started_at) from core.calls c where c.agent_id = a.agent_id) as agent_name,
    a.scorecard,
    a.step,
    a.agreed_on,
    a.agreed_by,
    a.note,
    coalesce(
        (select list({'call_id': m.call_id, 'at_s': m.at_s} order by m.position)
         from core.saved_moments m where m.agreement_id = a.agreement_id), []) as moments
from core.agreements a;
comment on view agreements is 'One row per thing agreed with an agent in coaching: a step to work on, since when, with whom, and the moments listened to. Key: agreement_id.';
