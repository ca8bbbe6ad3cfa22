'use strict';
// How far heads look, on many images: a dot for each head of each layer.

function drawReach() {
  const one = arm();
  const found = one.distance;
  if (!found?.pixels) {
    rebuild(byId('reach-words'), addedNothing(found?.why_not ?? 'It was not measured.'));
    arrange(byId('reach-pictures'), []);
    return;
  }
  rebuild(byId('reach-words'), paragraph('The mean distance between a patch and what it looks at, '
    + 'weighted by attention, over many test images. Tokens in front are left out and the rest '
    + `made to sum to 1. Looking everywhere alike would be ${say(found.uniform)} pixels. `
    + 'Below it, heads look around them; above it, they look away.'));
  arrange(byId('reach-pictures'), [
    headsByLayer('reach', one, found.pixels, {
      caption: 'Mean attention distance', label: 'pixels', rule: found.uniform,
      ruleWords: `uniform ${say(found.uniform)}`, unit: 'pixels'}),
    found.entropy && headsByLayer('entropy', one, found.entropy, {
      caption: 'How spread out attention is', label: 'entropy (1: uniform)', rule: 1,
      ruleWords: 'uniform', unit: ''}),
  ]);
}

function headsByLayer(name, one, rows, {caption, label, rule, ruleWords, unit}) {
  const layers = one.distance.layers ?? layersOf(one);
  const heads = Math.max(...rows.map(row => row.length));
  const high = Math.max(rule, ...rows.flat().filter(isNumber)) * 1.12;
  const shift = head => (head - (heads - 1) / 2) * Math.min(0.12, 0.7 / heads);
  return chart(name, {
    caption,
    x: {label: 'layer', low: -0.5, high: layers.length - 0.5, ticks: rangeOf(0, layers.length),
      words: i => String(layers[i])},
    y: {label, low: 0, high},
    series: rangeOf(0, heads).map(head => ({name: `head ${head}`, head,
      points: rows.map((row, i) => ({x: i + shift(head), y: row[head] ?? NaN, layer: i, head,
        chosen: i === state.layer,
        words: `layer ${layers[i]}, head ${head}: ${say(row[head])} ${unit}`.trim()}))})),
    rules: [{y: rule, words: ruleWords}],
    pick: ({layer, head}) => choose({layer, head}),
    pickWords: 'chooses the layer and the head',
  });
}
