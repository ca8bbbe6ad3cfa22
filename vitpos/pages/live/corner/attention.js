'use strict';
// Who reads what: the attention of one layer, one head or all, one token or all.

function newAttention(live, onchange) {
  const attending = live.blocks.flatMap(({heads}, i) => (heads ? [i] : []));
  const selects = {
    layer: select('Layer', attending.map(i => [i, String(i)]), onchange),
    head: select('Head', [], onchange),
    query: select('Query', [], onchange),
    against: select('Show', [['now', 'now'], ['before', 'as it was'], ['change', 'the change']],
      onchange),
  };
  selects.layer.field.value = String(attending.at(-1) ?? '');
  const controls = make('div', {class: 'buttons'}, Object.values(selects).map(({node}) => node));
  const place = make('div');
  const nothing = attending.length ? null : paragraph('No block of this network attends.');
  const node = make('div', {class: 'live-attention'}, make('h3', {}, 'Attention'),
    nothing ?? [controls, place]);
  return {node, selects, place, onchange, attends: attending.length > 0};
}

function select(text, options, onchange) {
  const field = make('select', {onchange});
  fillSelect(field, options.map(([value, words]) => ({value, text: words})), options[0]?.[0] ?? '');
  return {node: make('label', {}, `${text} `, field), field};
}

function showAttention(attention, {live, shown, now, before, chosen}) {
  if (!attention.attends) return;
  const asked = readSelects(attention, live);
  const inPlace = shown.told.map((_, i) => i);
  const read = (answer, told, layer, head) => readBy({live, answer, told, layer, head,
    query: queryToken(live, layer, told, asked.query, chosen)});
  const pick = (layer, head) => {
    attention.selects.layer.field.value = String(layer);
    attention.selects.head.field.value = String(head);
    attention.onchange();
  };
  arrange(attention.place, [
    onePicture(live, chosen, asked, read(now, shown.told, asked.layer, asked.head),
      read(before, inPlace, asked.layer, asked.head)),
    picturesOfHeads(live, chosen, (layer, head) => read(now, shown.told, layer, head), pick),
  ]);
}

/** One layer and head: as it is, as it was, or the difference. */
function onePicture(live, chosen, {layer, head, query, against}, here, there) {
  const change = here.map((value, i) => value - there[i]);
  const values = Float64Array.from({now: here, before: there, change}[against]);
  const scale = against === 'change' ? scaleOf(values, true)
    : {low: 0, high: Math.max(...here, ...there), palette: 'cividis'};
  const {prefix, grid} = live.blocks[layer];
  const ending = {now: '', before: ', untouched picture', change: ', now minus untouched'}[against];
  return picture('live-attention', {
    ...onLiveGrid(live, chosen), ...scale, values, unit: 'share of attention',
    caption: `Layer ${layer}, ${head < 0 ? 'mean of heads' : `head ${head}`}, `
      + `${queryWords(live, query, chosen)}${ending}`,
    note: `Equal shares would be ${say(1 / (prefix + grid[0] * grid[1]))}.`,
  });
}

/** The choices, after those have been offered that this layer has. */
function readSelects({selects}, live) {
  const layer = Number(selects.layer.field.value);
  const block = live.blocks[layer];
  const heads = [{value: -1, text: 'mean of all'},
    ...Array.from({length: block.heads}, (_, i) => ({value: i, text: String(i)}))];
  const kept = Number(selects.head.field.value || -1);
  fillSelect(selects.head.field, heads, kept < block.heads ? kept : -1);
  const queries = [{value: 'chosen', text: 'the chosen patch'}, {value: 'all', text: 'all patches (mean)'},
    ...live.prefix.slice(0, block.prefix).map((name, i) => ({value: String(i), text: name}))];
  const asked = selects.query.field.value;
  const query = queries.some(({value}) => value === asked) ? asked : 'chosen';
  fillSelect(selects.query.field, queries, query);
  return {layer, head: Number(selects.head.field.value), query, against: selects.against.field.value};
}

function queryToken(live, layer, told, query, chosen) {
  if (query === 'all') return null;
  if (query === 'chosen') return tokenOf(live, live.blocks[layer], told, chosen);
  return Number(query);
}

function queryWords(live, query, chosen) {
  if (query === 'all') return 'of all patches';
  return query === 'chosen' ? `of ${cellName(live, chosen)}` : `of ${live.prefix[Number(query)]}`;
}
