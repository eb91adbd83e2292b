-- The rules are for one language, so it must be known which one a call is in.

alter table core.transcripts add column language varchar;
