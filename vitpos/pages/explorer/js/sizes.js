'use strict';
// How well it answers on images of other sizes, where a probe has measured that.

const PROTOCOLS = {
  resize: 'image enlarged, patches as they were: more of them',
  canvas: 'image on a larger canvas: more patches, most of them empty',
  patch: 'image enlarged, patches with it: as many as before',
};

function buildSizes() {
  panel('strategy', drawSizes);
}

function drawSizes() {
  const one = arm();
  const curves = Object.entries(one.probes?.resolution ?? {});
  byId('sizes-card').hidden = !curves.length;
  if (!curves.length) return;
  rebuild(byId('sizes-words'), paragraph('The network was trained on images of '
    + `${frame().size[1]} pixels. On other sizes its position has to stretch or to go on; how much `
    + 'of the accuracy is left shows how well it does.'));
  arrange(byId('sizes-pictures'), [chart('sizes', {
    caption: 'Accuracy on images of other sizes',
    ...axesOfSizes(curves),
    series: curves.map(([protocol, {sizes, accuracy}]) => ({
      name: PROTOCOLS[protocol] ?? protocol, line: true,
      points: sizes.map((size, i) => ({x: size, y: accuracy[i],
        words: `${protocol} to ${size} pixels: ${sayPercent(accuracy[i])}`})),
    })),
    rules: [{x: frame().size[1]}],
    widest: 720,
  })]);
}

/** Numbers in order, without those too near to the one before. */
function apart(numbers, gap) {
  return numbers.sort((a, b) => a - b).reduce((kept, number) => (
    kept.length && number - kept[kept.length - 1] < gap ? kept : [...kept, number]), []);
}

function axesOfSizes(curves) {
  const [low, high] = extent(curves.flatMap(([, {sizes}]) => sizes));
  const room = (high - low) * 0.05 || 1;
  return {
    x: {label: 'pixels across the image', low: low - room, high: high + room,
      ticks: apart(curves.flatMap(([, {sizes}]) => sizes), (high - low) * 0.06)},
    y: {label: 'accuracy', low: 0, high: 1, words: value => sayPercent(value, 0)},
  };
}
