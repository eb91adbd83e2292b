// Listening, moving between findings, and marking verdicts right or wrong. The page reads the same without it.
(function () {
  const one = (s) => document.querySelector(s), all = (s) => [...document.querySelectorAll(s)];
  const body = document.body, audio = one('#audio'), track = one('#track'), position = one('#position'), turns = all('.turn[data-start]');
  const holds = (body.dataset.holds || '').split(' ').filter(Boolean).map((h) => h.split(',').map(Number));
  const clock = (s) => Math.floor(s / 60) + ':' + String(Math.floor(s % 60)).padStart(2, '0');
  const length = () => (audio && isFinite(audio.duration) ? audio.duration : +body.dataset.duration || 1);
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const show = (e) => e && e.scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' });
  let current = null;

  if (one('#controls')) one('#controls').hidden = false;
  if (audio) { audio.controls = false; body.classList.add('has-audio'); }
  // What stays at the top of the window, so that nothing is scrolled to behind it.
  const player = one('.player'), fit = () => document.documentElement.style.setProperty('--player', (player ? player.offsetHeight : 0) + 'px');
  fit();
  if (player) new ResizeObserver(fit).observe(player);

  function draw(t) {
    const head = one('#playhead');
    if (head) ['x1', 'x2'].forEach((x) => head.setAttribute(x, t / length() * 1000));
    if (one('#time')) one('#time').textContent = clock(t) + ' / ' + clock(length());
    if (position) { position.setAttribute('aria-valuenow', Math.round(t)); position.setAttribute('aria-valuetext', clock(t)); }
    turns.forEach((e) => e.classList.toggle('now', t >= +e.dataset.start - 0.05 && t < +e.dataset.end));
  }
  function seek(t, play) {
    if (!audio) return;
    audio.currentTime = Math.max(0, Math.min(length() - 0.05, t));
    if (play) audio.play().catch(() => {});
    draw(audio.currentTime);
  }

  // Findings: the numbered places in the transcript, in the order of their time, else of the page.
  const places = new Map();
  all('.pin').forEach((e) => places.set(e.dataset.n, { n: e.dataset.n, t: +e.dataset.t, missed: e.matches('.missed') }));
  all('mark').forEach((e) => e.dataset.f.split(' ').forEach((n) => {
    if (!places.has(n)) places.set(n, { n: n, t: null, missed: e.matches('.missed') });
  }));
  const order = [...places.values()];
  if (order.every((p) => p.t !== null)) order.sort((a, b) => a.t - b.t);
  const marked = (n) => one('mark[data-f~="' + n + '"]');
  function focus(n) {
    current = n;
    all('.on').forEach((e) => e.classList.remove('on'));
    all('.pin[data-n="' + n + '"], .rule[data-n="' + n + '"], mark[data-f~="' + n + '"]').forEach((e) => e.classList.add('on'));
    show(marked(n));
    const line = all('.rule[data-n="' + n + '"]').find((e) => e.offsetParent);
    if (line && innerWidth > 820) line.scrollIntoView({ block: 'nearest' });
  }
  function go(n) {
    const place = places.get(String(n));
    if (!place) return;
    focus(place.n);
    if (place.t !== null) seek(place.t - 1, true);
  }
  function step(by, missed) {
    const list = order.filter((p) => !missed || p.missed);
    if (!list.length) return;
    const at = list.findIndex((p) => p.n === current);
    go(list[at < 0 ? (by > 0 ? 0 : list.length - 1) : (at + by + list.length) % list.length].n);
  }
  function turn(by) {
    const t = audio ? audio.currentTime : 0, next = turns.findIndex((e) => +e.dataset.start > t + 0.05);
    const to = by > 0 ? (next < 0 ? turns.length - 1 : next) : Math.max(0, (next < 0 ? turns.length : next) - 2);
    if (turns[to]) seek(+turns[to].dataset.start, audio && !audio.paused);
  }

  document.addEventListener('click', (e) => {
    const mark = e.target.closest('mark'), place = e.target.closest('[data-t]');
    if (mark) return go(mark.dataset.f.split(' ')[0]);
    if (!place) return;
    const rule = place.closest('[data-n]');
    if (rule && places.has(rule.dataset.n)) focus(rule.dataset.n);
    if (audio) { e.preventDefault(); seek(+place.dataset.t - (rule ? 1 : 0), true); }
  });

  if (audio) {
    let frame;
    const toggle = () => (audio.paused ? audio.play().catch(() => {}) : audio.pause());
    const loop = () => {
      const t = audio.currentTime, hold = one('#skip') && one('#skip').checked && holds.find((h) => t > h[0] + 1 && t < h[1] - 1);
      if (hold) audio.currentTime = hold[1] - 0.5;
      draw(t);
      frame = requestAnimationFrame(loop);
    };
    const button = (playing) => { one('#play').textContent = playing ? '❚❚' : '▶'; one('#play').setAttribute('aria-label', playing ? 'Pause' : 'Play'); };
    audio.addEventListener('play', () => { button(true); cancelAnimationFrame(frame); loop(); });
    audio.addEventListener('pause', () => { button(false); cancelAnimationFrame(frame); draw(audio.currentTime); });
    audio.addEventListener('error', () => {
      one('#time').textContent = 'No recording here: erased, or its folder is not beside the reports.';
      one('#time').classList.add('gone');
    });
    one('#play').onclick = toggle;
    one('#back').onclick = () => seek(audio.currentTime - 5, !audio.paused);
    one('#on').onclick = () => seek(audio.currentTime + 5, !audio.paused);
    one('#speed').onchange = (e) => { audio.playbackRate = +e.target.value; };
    let dragging = false;
    const at = (e) => { const r = track.getBoundingClientRect(); return Math.max(0, Math.min(1, (e.clientX - r.left) / r.width)) * length(); };
    if (track) {
      track.addEventListener('pointerdown', (e) => { if (!e.target.closest('.pin')) { dragging = true; track.setPointerCapture(e.pointerId); seek(at(e), !audio.paused); } });
      track.addEventListener('pointermove', (e) => { if (dragging) seek(at(e), !audio.paused); });
      track.addEventListener('pointerup', () => { dragging = false; });
    }
    body.addEventListener('keydown', (e) => {
      if (e.key === ' ' && !/BUTTON|SUMMARY|LABEL/.test(e.target.tagName) && !typing(e)) { e.preventDefault(); toggle(); }
    });
  }
  if (one('#next')) { one('#next').onclick = () => step(1); one('#previous').onclick = () => step(-1); }
  const help = () => { const keys = one('#keys'); keys.hidden = !keys.hidden; one('#help').setAttribute('aria-expanded', !keys.hidden); };
  if (one('#help')) one('#help').onclick = help;
  function typing(e) { return e.ctrlKey || e.metaKey || e.altKey || /INPUT|SELECT|TEXTAREA/.test(e.target.tagName); }
  document.addEventListener('keydown', (e) => {
    if (typing(e)) return;
    const k = e.key;
    if (k === 'n') step(1);
    else if (k === 'p') step(-1);
    else if (k === 'm') step(1, true);
    else if (k === 'k') turn(1);
    else if (k === 'j') turn(-1);
    else if (k === '?' && one('#help')) help();
    else if (k === 'Enter' && e.target.matches('mark')) go(e.target.dataset.f.split(' ')[0]);
    else if ((k === 'y' || k === 'x') && current) { const rule = one('.rule[data-n="' + current + '"]'); if (rule) review(rule.dataset.rule, k === 'y'); }
    else if (audio && k === 'ArrowLeft') { e.preventDefault(); seek(audio.currentTime - 5, !audio.paused); }
    else if (audio && k === 'ArrowRight') { e.preventDefault(); seek(audio.currentTime + 5, !audio.paused); }
    else if (audio && e.target === position && (k === 'Home' || k === 'End')) { e.preventDefault(); seek(k === 'Home' ? 0 : length(), !audio.paused); }
    else if (audio && (k === '<' || k === '>')) {
      const s = one('#speed');
      s.selectedIndex = Math.max(0, Math.min(s.options.length - 1, s.selectedIndex + (k === '>' ? 1 : -1)));
      audio.playbackRate = +s.value;
    }
  });

  // Right and wrong: kept in this browser until they are saved as a file for the warehouse.
  const KEY = 'callaudit-review:' + body.dataset.call + ':' + body.dataset.rulebook;
  let said = {};
  try { said = JSON.parse(localStorage.getItem(KEY) || '{}'); } catch (e) { said = {}; }
  all('[data-review]').forEach((p) => {
    const rule = p.closest('.rule').dataset.rule;
    p.hidden = false;
    // What is unsure has nothing to be right about: the person decides.
    const unsure = p.closest('.rule').dataset.verdict === 'unsure';
    (unsure ? [['Followed', true], ['Missed', false]] : [['Right', true], ['Wrong', false]]).forEach(([text, right]) => {
      const b = document.createElement('button');
      b.textContent = text;
      b.dataset.right = right;
      b.setAttribute('aria-label', text + ': ' + rule);
      b.onclick = () => review(rule, right);
      p.append(b);
    });
  });
  function review(rule, right) {
    if (said[rule] === right) delete said[rule]; else said[rule] = right;
    tell();
  }
  function tell() {
    try { localStorage.setItem(KEY, JSON.stringify(said)); } catch (e) { /* A page from disk may have no storage. */ }
    all('[data-review]').forEach((p) => [...p.children].forEach((b) => {
      b.setAttribute('aria-pressed', String(said[p.closest('.rule').dataset.rule]) === b.dataset.right);
    }));
    const n = Object.keys(said).length, wrong = reviews().filter((r) => r.rule_verdict !== 'unsure' && r.rule_verdict !== r.verdict).length;
    one('#reviews').hidden = !n;
    one('#reviewed').textContent = n + ' checked, ' + wrong + ' wrong';
  }
  function reviews() {
    return Object.keys(said).sort().map((rule) => {
      const verdict = all('.rule').find((e) => e.dataset.rule === rule).dataset.verdict;
      const right = verdict === 'unsure' ? 'met' : verdict;
      return { rule_id: rule, rule_verdict: verdict, verdict: said[rule] ? right : right === 'met' ? 'missed' : 'met' };
    });
  }
  one('#save').onclick = () => {
    const file = { call_id: body.dataset.call, rulebook_version: body.dataset.rulebook, reviewed_at: new Date().toISOString(), reviews: reviews() };
    const a = document.createElement('a');
    a.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 2)], { type: 'application/json' }));
    a.download = 'review-' + body.dataset.call.replace(/[^A-Za-z0-9_-]/g, '_') + '.json';
    a.click();
    URL.revokeObjectURL(a.href);
  };
  one('#clear').onclick = () => { said = {}; tell(); };
  tell();

  // A link names a second of the call.
  function arrive() {
    const asked = location.hash.match(/^#t=([\d.]+)$/);
    if (!asked) return;
    const t = +asked[1], line = turns.find((e) => t >= +e.dataset.start - 0.05 && t < +e.dataset.end) || turns.find((e) => +e.dataset.start >= t);
    show(line);
    const start = () => seek(t, false);
    if (audio) audio.readyState ? start() : audio.addEventListener('loadedmetadata', start, { once: true });
  }
  draw(0);
  arrive();
  addEventListener('hashchange', arrive);
})();
