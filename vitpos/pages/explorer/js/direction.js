'use strict';
// Nearness and direction: the same numbers against how far, and which way, the other patch lies.

const SECTORS = [
  [-180, 'left'], [-135, 'above left'], [-90, 'above'], [-45, 'above right'], [0, 'right'],
  [45, 'below right'], [90, 'below'], [135, 'below left'],
];

function buildDirection() {
  panel('strategy layer head', drawDirection);
}

function drawDirection() {
  const one = arm();
  const {pictures: shown, missing} = chartsOf(one);
  rebuild(byId('direction-words'),
    paragraph('Is near the same as alike, and does it matter which way? Every dot is one offset '
      + 'between two patches; the lines are means. If the dots of one distance lie apart, '
      + 'direction matters as well as distance.'),
    missing.map(text => addedNothing(text)));
  arrange(byId('direction-pictures'), shown);
}

function chartsOf(one) {
  const shown = [];
  const missing = [];
  const alike = similarityByOffset(one);
  if (alike) {
    shown.push(byDistance('similarity', alike), byAngle('similarity', alike));
  } else missing.push('There are no similarities in this file for this strategy.');
  const kernel = kernelByOffset(one);
  if (kernel) shown.push(byDistance('kernel', kernel), byAngle('kernel', kernel));
  else missing.push('There is no kernel in this file for this strategy.');
  return {pictures: shown, missing};
}

/** Similarities of the strategy's own vectors, or else of the mean tokens after the layer. */
function similarityByOffset(one) {
  const table = one.objects.find(({kind, similarity}) => kind === 'table' && similarity);
  if (table) {
    const grid = table.grid ?? frameOf(one).grid;
    return {what: 'position vectors', label: 'cosine',
      offsets: meansByOffset(valuesOf(table.similarity), grid)};
  }
  if (!one.similarity) return null;
  const {at, block} = nearestBlock(one, chosenLayer(one));
  return {what: block === ENTERING ? 'mean tokens that enter' : `mean tokens after block ${block}`,
    label: 'cosine', offsets: meansByOffset(valuesOf(one.similarity, at), frameOf(one).grid)};
}

function kernelByOffset(one) {
  const array = one.kernel?.values;
  if (!array) return null;
  const [, heads, height, width] = array.shape;
  const values = turned(mapOf(array, state.layer));
  const offsets = Array.from(values, (value, i) => ({value,
    down: Math.floor(i / width) - (height - 1) / 2, right: (i % width) - (width - 1) / 2}));
  return {what: `kernel of layer ${chosenLayer(one)}, ${headWords(heads)}`, label: 'mean logit', offsets: offsets.filter(({value}) => isNumber(value))};
}

/** The mean over all pairs of cells with the same offset: from the first to the second. */
function meansByOffset(values, [rows, cols]) {
  const width = 2 * cols - 1;
  const sums = new Float64Array((2 * rows - 1) * width);
  const counts = new Float64Array(sums.length);
  const cells = rows * cols;
  for (let i = 0; i < cells; i++) {
    for (let j = 0; j < cells; j++) {
      const value = values[i * cells + j];
      if (Number.isNaN(value)) continue;
      const down = Math.floor(j / cols) - Math.floor(i / cols);
      const at = (down + rows - 1) * width + (j % cols) - (i % cols) + cols - 1;
      sums[at] += value;
      counts[at] += 1;
    }
  }
  return Array.from(sums, (sum, at) => ({value: sum / counts[at],
    down: Math.floor(at / width) - rows + 1, right: (at % width) - cols + 1}))
    .filter(({value}) => isNumber(value));
}

function offsetPoint({value, down, right}, x, label) {
  const size = 2 * Math.max(Math.abs(down), Math.abs(right)) + 1;
  const middle = (size - 1) / 2;
  const where = offsetWords(down + middle, right + middle, size, size).replace('key', 'patch')
    .replace('the query itself', 'the patch itself');
  return {x, y: value, words: `${where} (${say(Math.hypot(down, right))} away): ${label} ${say(value)}`};
}

function spread(values) {
  const [low, high] = extent(values);
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - margin, high + margin];
}

function byDistance(name, {what, label, offsets}) {
  const far = offset => Math.hypot(offset.down, offset.right);
  const groups = new Map();
  for (const offset of offsets) {
    const key = far(offset).toFixed(6);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(offset.value);
  }
  const line = [...groups].map(([key, values]) => ({x: Number(key), y: mean(values),
    words: `${say(Number(key))} patches away: mean ${label} ${say(mean(values))}`}))
    .sort((a, b) => a.x - b.x);
  const [low, high] = spread(offsets.map(({value}) => value));
  return chart(`${name}-distance`, {
    caption: `How far: ${what} by distance`,
    x: {label: 'distance in patches', low: 0, high: Math.max(1, line[line.length - 1].x)},
    y: {label, low, high},
    series: [
      {name: 'every offset', colour: 0,
        points: offsets.map(offset => offsetPoint(offset, far(offset), label))},
      {name: 'mean of equal distances', colour: 1, line: true, dots: false, points: line},
    ],
  });
}

/** Offsets within the circle that fits into all of them, so that every direction has as far ones. */
function byAngle(name, {what, label, offsets}) {
  const reach = Math.min(Math.max(...offsets.map(({down}) => down)),
    Math.max(...offsets.map(({right}) => right)));
  const round = offsets.filter(({down, right}) => {
    const far = Math.hypot(down, right);
    return far > 0 && far <= reach + 1e-9;
  });
  const angle = ({down, right}) => {
    const found = (Math.atan2(down, right) * 180) / Math.PI;
    return found >= 157.5 ? found - 360 : found;
  };
  const sector = offset => Math.round((angle(offset) + 180) / 45) % 8;
  const line = SECTORS.map(([at, word], i) => {
    const values = round.filter(offset => sector(offset) === i).map(({value}) => value);
    return {x: at, y: values.length ? mean(values) : NaN,
      words: `${word}: mean ${label} ${say(mean(values))}`};
  });
  const [low, high] = spread(round.map(({value}) => value));
  const words = new Map(SECTORS);
  return chart(`${name}-angle`, {
    caption: `Which way: ${what} by direction, up to ${say(reach)} patches away`,
    x: {label: 'direction of the other patch', low: -205, high: 160,
      ticks: [-180, -90, 0, 90], words: value => words.get(value)},
    y: {label, low, high},
    series: [
      {name: 'every offset', colour: 0,
        points: round.map(offset => offsetPoint(offset, angle(offset), label))},
      {name: 'mean of a direction', colour: 1, line: true, dots: false, points: line},
    ],
  });
}
