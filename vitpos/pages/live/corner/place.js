'use strict';
// Where the corner is in the explorer's page, and when it starts: the network is unpacked and asked
// nothing before the reader comes near.

const NEAR = '400px';

function build() {
  const one = payload.meta.arms.find(({live}) => live);
  if (!one) return;
  const place = byId('live');
  for (const id of ['part-live', 'goto-live']) byId(id).hidden = false;
  place.append(paragraph(`The network of ${one.name} starts when it comes into view.`));
  const watch = new IntersectionObserver(seen => {
    if (!seen.some(({isIntersecting}) => isIntersecting)) return;
    watch.disconnect();
    begin(place, one);
  }, {rootMargin: NEAR});
  watch.observe(place);
}

async function begin(place, one) {
  try {
    const bytes = await unzip(fromBase64(byId('live-blob').textContent));
    const {images} = payload.meta.frames[one.frame];
    mount(place, one.live, bytes, images.map(({index, label, pixels}) =>
      ({index, label, pixels: codesOf(pixels)})));
  } catch (trouble) {
    place.replaceChildren(make('p', {role: 'alert'}, `The network cannot start: ${trouble.message}`));
  }
}
