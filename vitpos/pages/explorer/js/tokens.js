'use strict';
// The last three steps: a patch becomes a vector, the vectors a sequence, and position is added.

const EMPTY_PIECES = [];

function stepOfProjection() {
  const here = frame();
  const patch = patchPixels(here, state.image, state.patch);
  const numbers = patch.pixels.length;
  const before = tokensBefore(arm());
  const words = [paragraph(`The ${sayCount(numbersOfPatch(arm()))} numbers of a patch become a vector of D = `
    + `${sayCount(here.dim)} numbers, x_p E. ${projectionWords(here)} `
    + 'It is the same for every patch, so the vector holds what is seen, and not where.')];
  const shown = [picture('step-pixels', {
    caption: `${capital(cellWords(here, state.patch))} as a row of ${sayCount(numbers)} numbers`,
    width: numbers, height: 1, values: Float64Array.from(patch.pixels), low: 0, high: 255,
    palette: 'cividis', unit: 'brightness', cell: [Math.max(2, Math.floor(600 / numbers)), 28],
    place: col => `number ${col}`,
  })];
  if (before) {
    const token = tokenOfPatch(here, state.patch);
    shown.push(strip('step-token', before, token, `The same patch after the projection: `
      + `${sayCount(here.dim)} numbers`), matrix('step-tokens', here, before,
      'All tokens after the projection, one row each'));
  } else {
    words.push(paragraph('The tokens of this image were left out of this file to keep it small.'));
  }
  return {words, pictures: shown};
}

/** What E reads of a patch: its pixels, and channels that a strategy puts beside them. */
function numbersOfPatch(one) {
  const {patch, channels, size: [height]} = frameOf(one);
  const planes = one.objects.find(({kind, values}) => kind === 'planes' && values.shape[1] === height);
  return patch ** 2 * (channels + (planes?.values.shape[0] ?? 0));
}

function projectionWords(here) {
  return here.kind === 'linear'
    ? `E is one matrix of ${sayCount(numbersOfPatch(arm()))} × ${sayCount(here.dim)} learned numbers.`
    : `Here E is not one matrix but patches of kind “${here.kind}”.`;
}

/** Tokens in front of the first block without what the strategy adds, null if they are not here. */
function tokensBefore(someArm) {
  const before = someArm.added?.before;
  if (!before || state.image >= before.shape[0]) return null;
  const [, tokens, dim] = before.shape;
  return {values: valuesOf(before, state.image), tokens, dim, ...limitsOf(before)};
}

function limitsOf({low, high}) {
  const reach = Math.max(Math.abs(low), Math.abs(high));
  return {low: -reach, high: reach, palette: 'PuOr'};
}

/** One token as a row of colours. */
function strip(name, found, token, caption, note = null) {
  const {values, dim, low, high, palette} = found;
  return picture(name, {
    caption, note, width: dim, height: 1, low, high, palette,
    values: values.subarray(token * dim, (token + 1) * dim),
    cell: [Math.max(2, Math.floor(600 / dim)), 28], place: col => `dimension ${col}`,
    heads: {rows: ['value']},
  });
}

/** All tokens, one row each; a row chooses its patch. */
function matrix(name, here, found, caption, more = {}) {
  const {values, tokens, dim, low, high, palette} = found;
  const first = tokens - cellsOf(here);
  const names = tokenNames(here).slice(-tokens);
  return picture(name, {
    caption, width: dim, height: tokens, low, high, palette, values,
    cell: [Math.max(2, Math.floor(600 / dim)), Math.max(3, Math.min(14, Math.floor(320 / tokens)))],
    place: (col, row) => `${names[row]}, dimension ${col}`,
    marks: [{col: 0, row: first + state.patch, width: dim, height: 1}],
    pick: (col, row) => row >= first && choose({patch: row - first}),
    pickWords: 'chooses the patch of the row',
    heads: {rows: names}, ...more,
  });
}

function stepOfSequence() {
  const here = frame();
  const cells = cellsOf(here);
  const prefix = here.prefix.length
    ? ` In front ${here.prefix.length === 1 ? 'stands' : 'stand'} ${here.prefix.join(', ')}, which `
      + `${here.prefix.length === 1 ? 'is no patch' : 'are no patches'}.` : ` Nothing stands in front of them: the network reads the ${here.pool} of all.`;
  return {
    words: [
      paragraph(`The patches are put in a row, row by row: ${sayCount(cells)} patches, `
        + `${counted(cells + here.prefix.length, 'token')} in all.${prefix}`),
      paragraph('Attention treats a row of tokens as a bag: shuffled tokens give the same answers, '
        + 'shuffled. Patch 1 no longer knows that it was beside patch 0, or above '
        + `patch ${here.grid[1] + 1}. Whatever the network shall know of places has to be told: `
        + 'that is the next step.'),
    ],
    pictures: [sequence(here)],
  };
}

/** The tokens as small pictures in a row; choosing one chooses the patch. */
function sequence(here) {
  const place = byId('sequence') ?? newSequence();
  const key = `${arm().frame} ${state.image}`;
  if (place.dataset.key !== key) {
    place.dataset.key = key;
    place.replaceChildren(
      ...here.prefix.map(name => make('span', {class: 'prefix'}, name)),
      ...rangeOf(0, cellsOf(here)).map(cell => tokenButton(here, cell)));
  }
  markChosen(place, '[data-cell]', 'aria-checked',
    button => Number(button.dataset.cell) === state.patch);
  return place;
}

function newSequence() {
  const place = make('div', {id: 'sequence', class: 'sequence', role: 'radiogroup',
    'aria-label': 'The sequence of tokens'});
  place.addEventListener('click', event => {
    const token = event.target.closest('[data-cell]');
    if (token) choose({patch: Number(token.dataset.cell)});
  });
  roving(place, '[data-cell]');
  return place;
}

function tokenButton(here, cell) {
  const canvas = make('canvas', {'aria-hidden': 'true'});
  paintPixels(canvas, patchPixels(here, state.image, cell));
  return make('button', {type: 'button', role: 'radio', 'data-cell': cell,
    'aria-label': `token ${tokenOfPatch(here, cell)}, ${cellWords(here, cell)}`}, canvas,
  make('span', {}, String(cell)));
}

function stepOfPosition() {
  const here = frame();
  const before = tokensBefore(arm());
  const added = before && whatIsAdded(arm(), before);
  if (!before) return {words: [addedNothing('The tokens were left out of this file.')], pictures: []};
  if (!added) return {words: addedElsewhere(), pictures: tokensAlone(here, before)};
  const token = tokenOfPatch(here, state.patch);
  const entered = plus(before, added);
  const who = cellWords(here, state.patch);
  return {
    words: [paragraph(`${arm().name} adds a vector to every token before the first block: what is `
      + 'seen, plus where it is. For the chosen patch:'), ...laterWords()],
    pictures: [
      strip('step-seen', before, token, `What is seen: x_p E of ${who}`),
      strip('step-added', added, token, `Plus where it is: the position of ${who}`,
        `The colours reach ${say(added.high)} here and ${say(before.high)} above.`),
      strip('step-entered', entered, token, 'Is what enters the first block: their sum'),
      matrix('step-all-added', here, added, 'What is added to every token, one row each'),
    ],
  };
}

/** The vectors added in front of the first block, null where there are none. */
function whatIsAdded(someArm, before) {
  const {difference} = someArm.added;
  if (!difference) return null;
  return {...before, values: valuesOf(difference, state.image), ...limitsOf(difference)};
}

function minus(values, others) {
  return values.map((value, i) => value - others[i]);
}

function plus(found, more) {
  const values = found.values.map((value, i) => value + more.values[i]);
  return {...found, values, ...scaleOf(values, true)};
}

function addedNothing(text) {
  return paragraph(text, 'absent');
}

function addedElsewhere() {
  const {acts} = arm().words;
  return [
    paragraph(`${arm().name} adds nothing to the tokens in front of the first block.`),
    paragraph(`${acts ? `It acts on: ${acts}. ` : ''}What it is instead stands below, under “What `
      + 'it is”; what it does to attention under “What the network makes of it”.'),
    ...laterWords(),
  ];
}

function tokensAlone(here, before) {
  return [
    strip('step-seen', before, tokenOfPatch(here, state.patch),
      `What enters the first block: x_p E of ${cellWords(here, state.patch)}, as it was`),
    matrix('step-tokens', here, before, 'All tokens as they enter the first block, one row each'),
  ];
}

/** What is added in front of other blocks, and inside attention. */
function laterWords() {
  const told = ({layer, norm}) => `block ${layer} (${sayPercent(norm)} of their length)`;
  const {later = EMPTY_PIECES, asked = EMPTY_PIECES} = arm();
  return [
    later.length ? paragraph('In front of later blocks something is added to the tokens: '
      + `${later.map(told).join(', ')}.`) : null,
    asked.length ? paragraph('Inside attention something is added to what queries and keys are '
      + `made of: ${asked.map(told).join(', ')}.`) : null,
  ];
}
