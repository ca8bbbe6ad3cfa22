'use strict';
// What the copy in the page is worth, in numbers that were measured.

/** What was measured when the page was made. */
function parityWords({parity, stored}) {
  const {images, accuracy, accuracy_stored: rounded, same, exact, difference} = parity;
  return `The network of this run is copied into the page. Weights are ${storedWords(stored)}; what `
    + `position adds is kept ${stored.half ? 'in 16 bits' : 'exactly'}. On ${counted(images, 'test image')} `
    + `the network is right on ${sayPercent(accuracy, 2)}, its copy on ${sayPercent(rounded, 2)}; both give `
    + `the same answer to ${sayPercent(same, 2)}. Logits differ by at most ${say(difference)}, and by `
    + `${say(exact, 2)} if no weight is rounded.`;
}

function storedWords({levels}) {
  return levels ? `whole numbers from ${MINUS}${levels} to ${levels}, with one scale per row` : 'not rounded';
}

/** The images of the page that torch has been asked about, and what it said. */
function examined(live, images) {
  const said = new Map(live.expected.map(({index, logits}) => [index, logits]));
  return images.flatMap((image, i) => (said.has(image.index) ? [{i, logits: said.get(image.index)}] : []));
}

/** What this browser computed, against torch with the same weights. */
function checkWords(differences, times) {
  const most = Math.max(...differences);
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return `In this browser, on ${counted(differences.length, 'image')} of the page: logits differ from torch's with the same `
    + `weights by at most ${say(most, 2)}; an image takes ${say(middle, 2)} ms.`;
}
