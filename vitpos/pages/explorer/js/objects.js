'use strict';
// What a strategy itself is: a table, maps, rotations, responses, planes, or nothing at all.

const DRAW_OBJECT = {
  table: drawTable,
  map: drawMaps,
  rotation: drawRotation,
  response: drawResponses,
  planes: drawPlanes,
  nothing: drawNothing,
};

function buildObjects() {
  byId('choose-object').addEventListener('change', event => {
    choose({object: Number(event.target.value), time: 'now'});
  });
  byId('choose-channel').addEventListener('input', event => {
    choose({channel: Number(event.target.value)});
  });
  buildTimes();
  panel('strategy object time channel patch head layer range', drawObject);
}

function drawObject() {
  const thing = object();
  const {objects} = arm();
  fillSelect(byId('choose-object'), objects.map(({title}, value) => ({value, text: title})),
    state.object);
  byId('objects').hidden = objects.length < 2;
  byId('object-title').textContent = thing.title;
  drawChannels(thing);
  const {words = [], pictures: shown} = (DRAW_OBJECT[thing.kind] ?? drawUnknown)(thing);
  rebuild(byId('object-words'), words);
  arrange(byId('object-pictures'), shown);
}

function drawChannels(thing) {
  const table = thing.kind === 'table';
  byId('channels').hidden = !table;
  if (!table) return;
  const slider = byId('choose-channel');
  slider.max = String(frame().dim - 1);
  slider.value = String(state.channel);
  byId('channel-words').textContent = `dimension ${state.channel} of ${frame().dim}`;
}

function drawUnknown(thing) {
  return {words: [paragraph(`This page has no picture for what is called “${thing.kind}”.`)],
    pictures: []};
}

function drawNothing(thing) {
  return {
    words: [paragraph(thing.why, 'absent'),
      paragraph('What is measured below holds for it as for every other strategy, and is the '
        + 'level with which they compare.')],
    pictures: [],
  };
}

function drawPlanes(thing) {
  const [count, height, width] = thing.values.shape;
  const names = thing.names ?? rangeOf(0, count).map(i => `channel ${i}`);
  return {
    words: [paragraph('These planes are put behind the colours of the image, so that every patch '
      + 'holds its place among its pixels.')],
    pictures: rangeOf(0, count).map(i => picture(`plane-${i}`, {
      caption: `What is put beside the pixels: ${names[i]}`, width, height,
      values: valuesOf(thing.values, i), ...scaleOfArray(thing.values),
      cell: cellFor(width, height, 224), place: (col, row) => `pixel row ${row}, column ${col}`,
    })),
  };
}

function drawResponses(thing) {
  const [, maps, side] = thing.values.shape;
  const layers = thing.layers ?? layersOf(arm());
  const names = thing.names ?? rangeOf(0, maps).map(i => `map ${i}`);
  const values = valuesAt(thing, 'values');
  const scale = scaleAt(thing, 'values', values);
  const at = Math.max(0, placeOfLayer(layers, arm()));
  const size = side * side;
  const words = (row, col) => offsetWords(row, col, side, side).replace('key', 'cell')
    .replace('the query itself', 'the cell itself');
  const pictures = rangeOf(0, Math.min(2, maps)).map(map => {
    const start = (at * maps + map) * size;
    return picture(`response-${map}`, {
      caption: `Response in layer ${layers[at]}, ${names[map]}: ${timeWords(thing)}`,
      width: side, height: side, values: values.subarray(start, start + size), ...scale,
      cell: cellFor(side, side, 200), place: (col, row) => words(row, col),
      heads: offsetHeads(side, side),
    });
  });
  return {
    words: [paragraph('A convolution lets every cell see its neighbours. Shown is what a single '
      + 'bright cell does to the cells around it; at the border it meets cells that are not '
      + 'there, and that is how position leaks in.')],
    pictures: [...pictures, tilesOfResponses(thing, values, scale, layers, names, words)],
  };
}

function tilesOfResponses(thing, values, scale, layers, names, words) {
  const {shape} = thing.values;
  const field = tiled(values, shape);
  return picture('responses', {
    caption: `All: layers (${layers.join(', ')}) down; ${names.join(', ')} across`,
    ...field, ...scale, cell: atlasCell(field),
    place: (col, row) => {
      const tile = inTile(col, row, shape);
      return tile && `layer ${layers[tile.down]}, ${names[tile.across]}, ${words(tile.row, tile.col)}`;
    },
  });
}
