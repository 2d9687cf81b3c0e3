// The report's behaviour. What comes from events becomes text of nodes and never markup; nothing is loaded from anywhere.
'use strict';

const PAGE = 100;
const MOST_CHARACTERS = 2000;
const SEVERITIES = ['critical', 'high', 'medium', 'low'];
const data = JSON.parse(document.getElementById('data').textContent);

// Characters that are not seen, or turn the direction of writing: shown by their numbers.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]/g;

function plain(text, most = MOST_CHARACTERS) {
  const all = String(text);
  const cut = all.length > most ? `${all.slice(0, most)}… (${all.length} characters)` : all;
  return cut.replace(HIDDEN, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
}

// An element with attributes, and children that are elements or texts.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'onclick') element.addEventListener('click', value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child instanceof Node ? child : plain(child));
  }
  return element;
}

function counted(number, of) {
  return number === 1 ? `1 ${of}` : `${number} ${of}s`;
}

function severityMark(severity) {
  const known = SEVERITIES.includes(severity) ? severity : 'none';
  return make('span', { class: `severity ${known}` }, severity || 'none');
}

// ---------------------------------------------------------------- summary

function countBy(values) {
  const counts = new Map();
  for (const value of values) if (value) counts.set(value, (counts.get(value) || 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1));
}

function card(title, ...content) {
  return make('section', { class: 'card' }, make('h3', {}, title), ...content);
}

function countTable(first, rows, onPick) {
  const most = Math.max(1, ...rows.map(([, count]) => count));
  const body = rows.map(([name, count, severity]) => {
    const bar = make('span', { class: `bar ${severity || ''}`, 'aria-hidden': 'true' });
    bar.style.width = `${(count / most) * 100}%`;
    const label = onPick ? make('button', { type: 'button', onclick: () => onPick(name) }, name) : plain(name);
    return make('tr', {}, make('th', { scope: 'row' }, label), make('td', { class: 'number' }, count), make('td', {}, bar));
  });
  return make('table', { class: 'counts' },
    make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, first), make('th', { scope: 'col', class: 'number' }, 'Alerts'), make('td'))),
    make('tbody', {}, body));
}

function timeChart() {
  const times = data.alerts.map((alert) => alert.time).filter(Boolean).map((time) => Date.parse(time)).filter((time) => !Number.isNaN(time));
  if (times.length === 0) return make('p', { class: 'quiet' }, 'No alert says when.');
  let first = Infinity;
  let last = -Infinity;
  for (const time of times) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }
  const slots = 48;
  const width = Math.max(1, (last - first) / slots);
  const counts = new Array(slots).fill(0);
  for (const time of times) counts[Math.min(slots - 1, Math.floor((time - first) / width))] += 1;
  const most = Math.max(...counts);
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const span = `from ${new Date(first).toISOString()} to ${new Date(last).toISOString()}`;
  svg.setAttribute('viewBox', `0 0 ${slots * 10} 100`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('class', 'time-chart');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `Alerts over time, ${span}; at most ${most} in one of ${slots} equal parts`);
  counts.forEach((count, at) => {
    if (count === 0) return;
    const height = Math.max(2, (count / most) * 96);
    const rect = document.createElementNS(space, 'rect');
    for (const [key, value] of [['x', at * 10 + 1], ['y', 100 - height], ['width', 8], ['height', height]]) rect.setAttribute(key, value);
    svg.append(rect);
  });
  return make('div', {}, svg, make('p', { class: 'quiet' }, span));
}

function summary() {
  const place = document.getElementById('summary');
  const cards = make('div', { class: 'cards' });
  if (data.account.length > 0) {
    cards.append(card('What was read', make('table', {}, make('tbody', {}, data.account.map(([name, value]) =>
      make('tr', {}, make('th', { scope: 'row' }, name), make('td', {}, value)))))));
  }
  const severities = countBy(data.alerts.map((alert) => alert.severity));
  severities.sort((one, other) => SEVERITIES.indexOf(one[0]) - SEVERITIES.indexOf(other[0]));
  cards.append(
    card('By severity', countTable('Severity', severities.map(([name, count]) => [name, count, name]), (name) => pick('severity', name))),
    card('Over time', timeChart()),
    card('Rules', countTable('Rule', countBy(data.alerts.map((alert) => data.rules[alert.rule].name)).slice(0, 12), (name) => pick('search', name))),
    card('Hosts', countTable('Host', countBy(data.alerts.map((alert) => alert.host)).slice(0, 12), (name) => pick('host', name))),
    card('Users', countTable('User', countBy(data.alerts.map((alert) => alert.user)).slice(0, 12), (name) => pick('user', name))),
  );
  place.append(cards);
}

// ---------------------------------------------------------------- ATT&CK

function matrix() {
  const tactics = new Map();
  data.alerts.forEach((alert) => {
    for (const [tactic, techniques] of data.rules[alert.rule].tactics) {
      if (!tactics.has(tactic)) tactics.set(tactic, new Map());
      const of = tactics.get(tactic);
      for (const technique of techniques.length > 0 ? techniques : ['(no technique)']) of.set(technique, (of.get(technique) || 0) + 1);
    }
  });
  const place = document.getElementById('matrix');
  if (tactics.size === 0) {
    place.append(make('p', { class: 'quiet' }, 'No alert names a tactic.'));
    return;
  }
  const order = [...tactics].sort((one, other) => data.tactics.indexOf(one[0]) - data.tactics.indexOf(other[0]) || (one[0] < other[0] ? -1 : 1));
  place.append(make('div', { class: 'matrix', tabindex: '0', role: 'group', 'aria-label': 'Tactics and techniques of the alerts' }, order.map(([tactic, techniques]) =>
    make('section', { class: 'tactic' }, make('h3', {}, tactic), [...techniques].sort((one, other) => other[1] - one[1]).map(([technique, count]) => {
      const button = make('button', { type: 'button', 'aria-pressed': 'false', 'data-technique': technique }, `${technique} (${count})`);
      button.addEventListener('click', () => pick('technique', state.technique === technique ? '' : technique));
      return button;
    })))));
}

// ---------------------------------------------------------------- list

const state = { search: '', severity: '', host: '', user: '', technique: '', order: 'time', down: false, page: 0, open: null };
const COLUMNS = [['time', 'Time'], ['severity', 'Severity'], ['risk', 'Risk'], ['rule', 'Rule'], ['host', 'Host'], ['user', 'User'], ['process', 'Process']];

function pick(name, value) {
  state[name] = value;
  state.page = 0;
  const control = document.getElementById(`filter-${name}`);
  if (control) control.value = value;
  list();
  document.getElementById('alerts-title').scrollIntoView();
}

const texts = data.alerts.map((alert) =>
  [data.rules[alert.rule].name, alert.host, alert.user, alert.process, alert.reason, alert.id, alert.severity].join('\n').toLowerCase());

function shown() {
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  data.alerts.forEach((alert, at) => {
    const fits = (!state.severity || alert.severity === state.severity)
      && (!state.host || alert.host === state.host)
      && (!state.user || alert.user === state.user)
      && (!state.technique || data.rules[alert.rule].tactics.some(([, techniques]) => techniques.includes(state.technique)))
      && words.every((word) => texts[at].includes(word));
    if (fits) found.push(at);
  });
  const key = (at) => {
    const alert = data.alerts[at];
    if (state.order === 'severity') return SEVERITIES.length - SEVERITIES.indexOf(alert.severity);
    if (state.order === 'risk') return alert.risk || 0;
    if (state.order === 'rule') return data.rules[alert.rule].name;
    return alert[state.order] || '';
  };
  const keys = new Map(found.map((at) => [at, key(at)]));
  found.sort((one, other) => {
    const [a, b] = [keys.get(one), keys.get(other)];
    const order = a < b ? -1 : a > b ? 1 : 0;
    return (state.down ? -order : order) || one - other;
  });
  return found;
}

function list() {
  const found = shown();
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  state.page = Math.min(state.page, pages - 1);
  const from = state.page * PAGE;
  document.getElementById('count').textContent = `${counted(found.length, 'alert')} of ${data.alerts.length}${state.technique ? `, technique ${plain(state.technique)}` : ''}`;
  for (const button of document.querySelectorAll('[data-technique]')) {
    button.setAttribute('aria-pressed', String(button.dataset.technique === state.technique));
  }
  for (const [name] of COLUMNS) {
    document.getElementById(`column-${name}`).setAttribute('aria-sort', state.order === name ? (state.down ? 'descending' : 'ascending') : 'none');
  }
  const rows = found.slice(from, from + PAGE).map((at) => {
    const alert = data.alerts[at];
    const open = make('button', { type: 'button', 'data-alert': String(at), onclick: () => openAlert(at, true) }, data.rules[alert.rule].name);
    return make('tr', { class: state.open === at ? 'open' : null },
      make('td', { class: 'mono when', title: alert.time }, (alert.time || '').replace('T', ' ').slice(0, 19)), make('td', {}, severityMark(alert.severity)),
      make('td', { class: 'number' }, alert.risk ?? ''), make('th', { scope: 'row' }, open),
      make('td', {}, alert.host || ''), make('td', {}, alert.user || ''), make('td', {}, alert.process || ''));
  });
  document.getElementById('rows').replaceChildren(...rows);
  const nav = document.getElementById('pages');
  nav.hidden = pages === 1;
  document.getElementById('page').textContent = `Page ${state.page + 1} of ${pages}`;
  document.getElementById('previous').disabled = state.page === 0;
  document.getElementById('next').disabled = state.page === pages - 1;
}

function options(name, values) {
  const select = document.getElementById(`filter-${name}`);
  select.append(make('option', { value: '' }, 'all'), ...values.map(([value]) => make('option', { value }, value)));
  select.addEventListener('change', () => pick(name, select.value));
}

function controls() {
  options('severity', countBy(data.alerts.map((alert) => alert.severity)));
  options('host', countBy(data.alerts.map((alert) => alert.host)));
  options('user', countBy(data.alerts.map((alert) => alert.user)));
  const search = document.getElementById('filter-search');
  search.addEventListener('input', () => {
    state.search = search.value;
    state.page = 0;
    list();
  });
  document.getElementById('clear').addEventListener('click', () => {
    for (const name of ['search', 'severity', 'host', 'user', 'technique']) pick(name, '');
  });
  document.getElementById('columns').append(...COLUMNS.map(([name, title]) => {
    const button = make('button', { type: 'button', onclick: () => {
      state.down = state.order === name ? !state.down : name === 'severity' || name === 'risk';
      state.order = name;
      list();
    } }, title);
    return make('th', { scope: 'col', id: `column-${name}`, class: name === 'risk' ? 'number' : null }, button);
  }));
  const turn = (by) => () => {
    state.page += by;
    list();
  };
  document.getElementById('previous').addEventListener('click', turn(-1));
  document.getElementById('next').addEventListener('click', turn(1));
  document.addEventListener('keydown', (event) => {
    const typing = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
    if (event.key === '/' && !typing) {
      event.preventDefault();
      search.focus();
    } else if (event.key === 'Escape' && state.open !== null) {
      closeAlert();
    }
  });
  document.getElementById('theme').addEventListener('click', () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = isDark ? 'light' : 'dark';
  });
}

// ---------------------------------------------------------------- Markdown of guides

// A link to a page of the web, code, or bold text; anything else is text.
const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/g;

function inline(text, parent) {
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    parent.append(plain(text.slice(at, found.index)));
    if (found[1] !== undefined) parent.append(make('code', {}, found[1]));
    else if (found[2] !== undefined) parent.append(make('strong', {}, found[2]));
    else parent.append(make('a', { href: found[4], rel: 'noopener noreferrer' }, found[3]));
    at = found.index + found[0].length;
  }
  parent.append(plain(text.slice(at)));
}

// Headings, lists, quotes, code and paragraphs: what guides are written in.
function markdown(text) {
  const whole = make('div');
  const lists = [];
  let paragraph = null;
  let fence = null;
  for (const line of text.split('\n')) {
    if (/^\s*```/.test(line)) {
      if (fence) fence = null;
      else whole.append((fence = make('pre')));
      paragraph = null;
      continue;
    }
    if (fence) {
      fence.append(`${plain(line)}\n`);
      continue;
    }
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const item = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/.exec(line);
    if (line.trim() === '' || /^\s*([-*+]|\d+[.)])\s*$/.test(line)) {
      paragraph = null;
    } else if (heading) {
      lists.length = 0;
      // The report's own headings end at the third level.
      const element = make(`h${Math.min(6, heading[1].length + 2)}`);
      inline(heading[2], element);
      whole.append(element);
      paragraph = null;
    } else if (item) {
      const depth = item[1].length;
      while (lists.length > 0 && lists[lists.length - 1].depth > depth) lists.pop();
      if (lists.length === 0 || lists[lists.length - 1].depth < depth) {
        const element = make(/\d/.test(item[2]) ? 'ol' : 'ul', /\d/.test(item[2]) ? { start: parseInt(item[2], 10) } : {});
        const outer = lists[lists.length - 1];
        (outer && outer.last ? outer.last : whole).append(element);
        lists.push({ depth, element, last: null });
      }
      const open = lists[lists.length - 1];
      open.last = make('li');
      inline(item[3], open.last);
      open.element.append(open.last);
      paragraph = open.last;
    } else if (paragraph && /^\s/.test(line) === (paragraph.nodeName === 'LI') && paragraph.nodeName !== 'BLOCKQUOTE') {
      paragraph.append(' ');
      inline(line.trim(), paragraph);
    } else {
      if (!/^\s/.test(line)) lists.length = 0;
      paragraph = make(line.startsWith('>') ? 'blockquote' : 'p');
      inline(line.replace(/^>\s?/, '').trim(), paragraph);
      whole.append(paragraph);
    }
  }
  return whole;
}

// ---------------------------------------------------------------- one alert

function values(list) {
  return list.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join(', ');
}

function facts(pairs) {
  return make('dl', { class: 'facts' }, pairs.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
}

function prevalence(of) {
  if (!of) return '';
  const over = of.first ? `, first ${of.first}, last ${of.last}` : '';
  return ` (${counted(of.hosts, 'host')}, ${counted(of.users, 'user')}, ${counted(of.events, 'event')}${over})`;
}

function answer(block) {
  const verdict = block.verdict;
  const head = {
    found: `${counted(block.count, 'event')}, first ${block.first}, last ${block.last}`,
    none: `nothing, among ${counted(block.events_of_that_kind, 'event')} of that kind from this host`,
    unresolved: 'UNRESOLVED: nothing, and no event of that kind from this host at all: missing telemetry is not benign',
    'not applicable': 'not asked',
  }[verdict] || verdict;
  const asked = block.groups.map((group) => {
    if (group.asked) return group.asked.join(' and ');
    if (group.not_applicable) return `not applicable: the alert has no ${group.not_applicable.join(', ')}`;
    return `cannot be understood: ${group.wrong}`;
  });
  const events = block.events.map((event) => make('li', {}, make('details', {},
    make('summary', {}, eventLine(event._source)), make('pre', {}, plain(JSON.stringify(event._source, null, 1), 20000)))));
  return make('div', { class: `answer ${verdict === 'unresolved' ? 'unresolved' : verdict === 'none' ? 'none-found' : ''}` },
    make('p', {}, make('strong', {}, block.question)), make('p', {}, head), make('p', { class: 'quiet mono' }, asked.join(' or ')),
    events.length > 0 ? make('ul', {}, events) : null,
    block.count > block.events.length ? make('p', { class: 'quiet' }, `… and ${block.count - block.events.length} more`) : null);
}

function field(document, name) {
  if (document[name] !== undefined) return document[name];
  let inner = document;
  for (const part of name.split('.')) {
    if (inner === null || typeof inner !== 'object') return undefined;
    inner = inner[part];
  }
  return inner;
}

const LINE_FIELDS = ['event.action', 'kibana.alert.rule.name', 'process.name', 'process.command_line', 'destination.ip', 'destination.port', 'dns.question.name', 'file.path', 'registry.path', 'user.name'];

function eventLine(source) {
  const shownFields = LINE_FIELDS.map((name) => [name, field(source, name)]).filter(([, value]) => value !== undefined && typeof value !== 'object');
  return plain(`${source['@timestamp'] || ''}  ${shownFields.map(([name, value]) => `${name}=${value}`).join('  ')}`, 400);
}

function guide(blocks, place) {
  if (blocks.length === 0) {
    place.append(make('p', { class: 'quiet' }, 'The rule has no investigation guide.'));
    return;
  }
  for (const block of blocks) {
    if (block.text !== undefined) {
      // The part has this heading already.
      place.append(markdown(block.text.replace(/^\s*#+ *investigation guide *\n/i, '')));
      if (block.alert_values.length > 0) {
        place.append(make('ul', { class: 'values' }, block.alert_values.map((one) => make('li', {}, make('code', {}, one.field), ` is ${values(one.values)}`))));
      }
    } else if (block.question !== undefined) {
      place.append(answer(block));
    } else if (block.search !== undefined) {
      place.append(make('p', { class: 'answer none-found' }, make('strong', {}, block.search), ' (a search, not answered here)'));
    } else if (block.osquery !== undefined) {
      place.append(make('p', {}, make('strong', {}, `Osquery: ${block.osquery}`)), make('pre', {}, block.query));
    } else {
      place.append(make('p', { class: 'remark' }, `This part of the guide cannot be read: ${block.broken}`));
    }
  }
}

function tree(of) {
  const children = new Map();
  of.nodes.forEach((node, at) => {
    if (node.parent !== null) children.set(node.parent, [...(children.get(node.parent) || []), at]);
  });
  const item = (at) => {
    const node = of.nodes[at];
    const name = node.image.name || node.image.executable || '?';
    const note = { recorded: '', mentioned: ' [no event of its start]', outside: ' [no event of it; as its child tells]' }[node.standing];
    const details = [
      ['command line', node.image.command_line], ['executable', node.image.executable], ['user', node.user], ['started', node.started],
      ['ended', node.ended], ['entity id', node.entity_ids.join(', ')],
      ['ran', node.images.length > 1 ? node.images.map((image) => image.name || image.executable || '?').join(' → ') : null],
      ['other children', Object.entries(node.other_children).map(([child, count]) => `${child} ×${count}`).join(', ')],
    ].filter(([, value]) => value);
    const below = children.get(at) || [];
    return make('li', { class: at === of.alerted ? 'alerted' : null, 'aria-current': at === of.alerted ? 'true' : null },
      make('details', {}, make('summary', {}, `${name}${node.pid === null ? '' : ` (${node.pid})`}${node.started ? `  ${node.started}` : ''}${note}`), facts(details)),
      below.length > 0 ? make('ul', {}, below.map(item)) : null);
  };
  const notes = [];
  if (of.has_loop) notes.push('Events say that a process is its own ancestor; the tree is cut there.');
  if (of.more_above) notes.push('There are more processes above.');
  if (of.more_below > 0) notes.push(`At least ${of.more_below} more processes are below.`);
  return make('div', { class: 'tree' }, notes.map((note) => make('p', { class: 'remark' }, note)), make('ul', {}, item(0)));
}

function evidence(found, place) {
  const section = (title, ...content) => place.append(make('h3', {}, title), ...content);
  section('What it is', found.identity.length === 0 ? make('p', { class: 'quiet' }, 'The alert names no process, file or destination.')
    : facts(found.identity.map((one) => [one.field, `${plain(one.value)}${prevalence(one.prevalence)}`])),
  ...found.remarks.map((remark) => make('p', { class: 'remark' }, remark)));
  section('Processes', found.tree ? tree(found.tree) : make('p', { class: 'quiet' }, 'UNRESOLVED: no event tells of the process of this alert.'));
  if (found.decoded.length > 0) {
    section('Decoded command lines', ...found.decoded.map((one) => make('div', {}, make('p', { class: 'quiet' }, `${one.of} (${one.encoding})`), make('pre', {}, one.text))));
  }
  const kinds = Object.entries(found.deeds);
  if (kinds.length === 0) section('What it did', make('p', { class: 'quiet' }, 'No event of its own but those of its start and end.'));
  for (const [kind, deeds] of kinds) {
    section(`What it did: ${kind}`, make('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': `What it did: ${kind}` }, make('table', {},
      make('thead', {}, make('tr', {}, ['First', 'What', 'To what', 'How often', 'Met elsewhere'].map((title) => make('th', { scope: 'col' }, title)))),
      make('tbody', {}, deeds.map((deed) => make('tr', {}, make('td', { class: 'mono' }, deed.first), make('td', {}, deed.action),
        make('td', {}, make('span', { class: 'mono' }, deed.object), make('br'), make('span', { class: 'quiet' }, Object.entries(deed.details).map(([name, value]) => `${name}=${value}`).join('  ')),
          deed.persistence ? make('span', { class: 'remark' }, ` comes back: ${deed.persistence}`) : null),
        make('td', { class: 'number' }, deed.count), make('td', {}, prevalence(deed.prevalence))))))));
  }
  if (found.deeds_left_out > 0) place.append(make('p', { class: 'remark' }, `${found.deeds_left_out} events of the process beyond the first were not looked at.`));
  const byId = new Map(data.alerts.map((alert, at) => [alert.id, at]));
  section('Related alerts', found.related_alerts.length === 0 ? make('p', { class: 'quiet' }, 'None among the alerts given.')
    : make('ul', {}, found.related_alerts.slice(0, 50).map((one) => {
      const at = byId.get(one.id);
      const name = at === undefined ? plain(one.rule) : make('button', { type: 'button', onclick: () => openAlert(at, true) }, one.rule);
      return make('li', {}, make('span', { class: 'mono' }, one.time || ''), ' ', severityMark(one.severity), ' ', name, ` shares ${one.shares.join(', ')}`);
    })));
}

// What happened around the alert, in the order of time, of all that was found for it.
function timeLine(detail) {
  const events = new Map();
  const add = (time, text) => time && events.set(`${time} ${text}`, [time, text]);
  for (const block of detail.guide || []) {
    for (const event of block.events || []) add(event._source['@timestamp'], eventLine(event._source).replace(/^\S+\s+/, ''));
  }
  if (detail.evidence) {
    for (const [kind, deeds] of Object.entries(detail.evidence.deeds)) for (const deed of deeds) add(deed.first, `${kind}: ${deed.action} ${deed.object}`);
    for (const node of (detail.evidence.tree || { nodes: [] }).nodes) {
      add(node.started, `start of ${node.image.name || node.image.executable || '?'}`);
      add(node.ended, `end of ${node.image.name || node.image.executable || '?'}`);
    }
    for (const one of detail.evidence.related_alerts) add(one.time, `alert: ${one.rule}`);
  }
  return [...events.values()].sort((one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0));
}

function openAlert(at, focus) {
  state.open = at;
  const alert = data.alerts[at];
  const rule = data.rules[alert.rule];
  const read = (id) => JSON.parse(document.getElementById(id)?.textContent || '{}');
  const detail = { ...read(`alert-${at}`), ...read(`answers-${at}`) };
  const title = make('h2', { id: 'detail-title', tabindex: '-1' }, rule.name);
  const place = make('div');
  place.append(
    make('button', { type: 'button', class: 'close', onclick: closeAlert }, 'Close'), title,
    make('p', {}, severityMark(alert.severity), alert.risk === null ? '' : `, risk ${alert.risk}`, `, ${alert.time || ''}`),
    make('p', {}, alert.reason || ''), facts((detail.highlighted || []).map((one) => [one.field, values(one.values)])),
    rule.techniques.length > 0 ? make('p', { class: 'quiet' }, `ATT&CK: ${rule.techniques.join(', ')}`) : null,
  );
  place.append(make('h3', {}, 'Investigation guide'));
  if (!detail.guide) place.append(make('p', { class: 'quiet' }, 'Not answered here: watchfire triage does that for each alert.'));
  guide(detail.guide || rule.guide || [], place);
  if (detail.evidence) {
    evidence(detail.evidence, place);
    const line = timeLine(detail);
    if (line.length > 0) {
      place.append(make('h3', {}, 'Time line'), make('ol', { class: 'mono' }, line.slice(0, 300).map(([time, text]) => make('li', {}, `${time}  ${text}`))));
      if (line.length > 300) place.append(make('p', { class: 'quiet' }, `… and ${line.length - 300} more`));
    }
  }
  const raw = make('details', {}, make('summary', {}, 'Raw alert'));
  raw.addEventListener('toggle', () => {
    if (raw.open && raw.childElementCount === 1) raw.append(make('pre', {}, plain(JSON.stringify(detail.document, null, 1), 200000)));
  });
  place.append(make('h3', {}, 'Raw'), raw);
  const panel = document.getElementById('detail');
  panel.replaceChildren(place);
  panel.hidden = false;
  panel.setAttribute('aria-labelledby', 'detail-title');
  document.getElementById('work').classList.add('split');
  history.replaceState(null, '', `#alert-${at}`);
  list();
  if (focus) {
    title.focus({ preventScroll: true });
    panel.scrollIntoView({ block: 'start' });
    panel.scrollTop = 0;
  }
}

function closeAlert() {
  const at = state.open;
  state.open = null;
  document.getElementById('detail').hidden = true;
  document.getElementById('work').classList.remove('split');
  history.replaceState(null, '', ' ');
  list();
  const button = document.querySelector(`[data-alert="${at}"]`);
  if (button) button.focus();
}

function openNamed() {
  const named = /^#alert-(\d+)$/.exec(location.hash);
  const at = named ? Number(named[1]) : -1;
  if (at >= 0 && at < data.alerts.length && at !== state.open) openAlert(at, false);
}

summary();
matrix();
controls();
list();
openNamed();
window.addEventListener('hashchange', openNamed);
document.documentElement.dataset.ready = 'true';
