'use strict';
// Attention on one image: where a query looks, in every layer and head.

const RUNGS = {
  heads: '',
  mean: 'To keep this file small, only the mean over heads was kept.',
  queries: 'To keep this file small, only some queries were kept.',
  prefix: 'To keep this file small, only one query, or those of the tokens in front, were kept.',
  none: 'Attention was left out to keep this file small.',
};

function buildAttention() {
  panel('strategy image patch layer head query', drawAttention);
  panel('strategy layer', drawReach);
}

function drawAttention() {
  const one = arm();
  const asked = askedOf(one);
  const {words, missing} = attentionWords(one, asked);
  rebuild(byId('attention-words'), words);
  if (missing) {
    arrange(byId('attention-pictures'), []);
    return;
  }
  const found = attentionOf(one, asked.row);
  arrange(byId('attention-pictures'), [attentionMap(one, found, asked), attentionAtlas(one, found, asked)]);
}

/** The query that is asked for, or the nearest that is there: its row in the array, its token. */
function askedOf(one) {
  const {attention} = one;
  const here = frameOf(one);
  const cell = Math.min(state.patch, cellsOf(here) - 1);
  const wanted = state.query === 'patch' || !here.prefix.includes(state.query)
    ? tokenOfPatch(here, cell) : here.prefix.indexOf(state.query);
  const queries = attention?.queries;
  if (!queries) return {wanted, token: wanted, row: wanted};
  const row = nearestQuery(here, queries, wanted);
  return {wanted, token: queries[row], row};
}

function nearestQuery(here, queries, wanted) {
  const [, cols] = here.grid;
  const first = here.prefix.length;
  const far = token => {
    if (token === wanted) return -1;
    if (token < first || wanted < first) return 1e6 + token;
    const [a, b] = [token - first, wanted - first];
    return Math.hypot(Math.floor(a / cols) - Math.floor(b / cols), (a % cols) - (b % cols));
  };
  return queries.reduce((best, token, i) => (far(token) < far(queries[best]) ? i : best), 0);
}

function attentionWords(one, {wanted, token}) {
  const {attention, name} = one;
  const rung = attention?.rung ?? 'none';
  const here = frameOf(one);
  const names = tokenNames(here);
  if (rung === 'none' || !attention.values) {
    return {missing: true, words: [addedNothing(`${RUNGS.none} (${name})`)]};
  }
  if (state.image >= attention.values.shape[0]) {
    return {missing: true, words: [addedNothing('Attention on this image was left out to keep this '
      + `file small: it is there for the first ${counted(attention.values.shape[0], 'image')}.`)]};
  }
  const words = [paragraph(`Where ${names[token]} looks on this image. The weights of a query over `
    + `all ${sayCount(names.length)} tokens sum to 1: looking everywhere alike would be `
    + `${say(1 / names.length)} each.`)];
  if (RUNGS[rung]) words.push(paragraph(RUNGS[rung], 'note'));
  if (token !== wanted) {
    words.push(paragraph(`${capital(names[wanted])} is not among them; ${names[token]} is the nearest that is.`, 'absent'));
  }
  return {words, missing: false};
}

/** The weights of one query: [layers, heads or 1, tokens]. */
function attentionOf(one, row) {
  const {values} = one.attention;
  const [, layers, heads, , tokens] = values.shape;
  const found = new Float64Array(layers * heads * tokens);
  for (let i = 0; i < layers * heads; i++) {
    found.set(valuesOf(values, state.image, Math.floor(i / heads), i % heads, row), i * tokens);
  }
  return {values: found, layers, heads, tokens};
}

function weightsOf({values, heads, tokens}, layer) {
  const size = heads * tokens;
  const all = values.subarray(layer * size, (layer + 1) * size);
  const head = headOf(heads);
  return head < 0 ? meanOfParts(all, heads) : all.subarray(head * tokens, (head + 1) * tokens);
}

function attentionMap(one, found, {token}) {
  const here = frameOf(one);
  const first = here.prefix.length;
  const weights = weightsOf(found, Math.min(state.layer, found.layers - 1));
  const cells = weights.subarray(first);
  const grid = onTheGrid(here);
  return picture('attention', {
    ...grid, caption: `Layer ${chosenLayer(one)}, ${attentionHeads(one)}: where ${tokenNames(here)[token]} looks`,
    note: notesOfWeights(here, weights, first), values: cells, low: 0, high: extent(cells)[1], palette: 'cividis',
    unit: 'weight', cell: cellFor(grid.width, grid.height, 280),
    marks: [...grid.marks, ...(token >= first ? [queryMark(here, token - first)] : [])],
  });
}

function attentionHeads({attention}) {
  const heads = attention.values.shape[2];
  return heads === 1 && attention.heads > 1 ? `mean of ${attention.heads} heads` : headWords(heads);
}

function queryMark({grid: [, cols]}, cell) {
  return {col: cell % cols, row: Math.floor(cell / cols), kind: 'query'};
}

function notesOfWeights(here, weights, first) {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const entropy = -weights.reduce((total, weight) => total
    + (weight > 0 ? (weight / sum) * Math.log(weight / sum) : 0), 0);
  const prefix = here.prefix.map((name, i) => `${name} gets ${say(weights[i])}`);
  return [`Spread over ${say(Math.exp(entropy), 2)} of ${weights.length} tokens in effect`,
    ...(first ? prefix : [])].join('; ') + '.';
}

function attentionAtlas(one, {values, layers, heads, tokens}, {token}) {
  const here = frameOf(one);
  const [rows, cols] = here.grid;
  const first = here.prefix.length;
  const cells = new Float64Array(layers * heads * rows * cols);
  for (let i = 0; i < layers * heads; i++) {
    cells.set(values.subarray(i * tokens + first, (i + 1) * tokens), i * rows * cols);
  }
  const place = cellPlace(here);
  return atlas('attentions', one, {
    caption: `All layers (down) and heads (across): where ${tokenNames(here)[token]} looks`,
    values: cells, shape: [layers, heads, rows, cols], layers: one.attention.layers ?? layersOf(one),
    low: 0, high: extent(cells)[1], palette: 'cividis', unit: 'weight',
    words: (row, col) => place(col, row),
  });
}
