-- one row per call, rule and piece of evidence
create view evidence as
select
    call_id, rule_id, verdict, witness, position, piece.kind as kind, piece.turn as turn, piece.role as speaker,
    piece.start_s as start_s, piece.end_s as end_s, piece.quote as quote, piece.char_start as char_start,
    piece.char_end as char_end, note_of(piece.note, piece.end_s - piece.start_s, how_many) as note,
    piece.act as act, piece.probability as probability, piece.nearest_line as nearest_line
from (
    select
        call_id, rule_id, verdict, witness, how_many, unnest(evidence) as piece, unnest(range(len(evidence))) as position
    from core.current_findings
);
comment on view evidence is 'One row per quote or stretch of time behind a verdict. Key: call_id, rule_id, position.';
