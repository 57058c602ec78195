// The map of one observation: coastline below, the chosen picture above. No borders: none are in the data.
// @ts-check
/* global L */
(async () => {
  const element = document.getElementById("map");
  const data = document.getElementById("layers");
  if (!element || !data) return;
  /** @type {{id: string, label: string, tiles: string, bounds: [[number, number], [number, number]], legend: [string, string][]}[]} */
  const layers = JSON.parse(data.textContent ?? "[]");
  const map = L.map(element, { minZoom: 2, maxZoom: 10, attributionControl: false, worldCopyJump: false });
  map.fitBounds(layers[0].bounds);
  // Panes keep the order sea, land, picture, coastline whatever arrives first on a slow link.
  map.createPane("land").style.zIndex = "200";
  map.createPane("picture").style.zIndex = "300";
  map.createPane("coast").style.zIndex = "400";
  const choice = /** @type {HTMLSelectElement} */ (document.getElementById("layer"));
  const opacity = /** @type {HTMLInputElement} */ (document.getElementById("opacity"));
  let shown = null;
  const show = (move) => {
    const layer = layers.find((one) => one.id === choice.value) ?? layers[0];
    if (shown) shown.remove();
    shown = L.tileLayer(layer.tiles, { pane: "picture", bounds: layer.bounds, opacity: Number(opacity.value), maxNativeZoom: 9, minZoom: 2 });
    shown.addTo(map);
    if (move) map.fitBounds(layer.bounds);
  };
  choice.addEventListener("change", () => show(true));
  opacity.addEventListener("input", () => shown && shown.setOpacity(Number(opacity.value)));
  // Values and colours of the picture shown, highest on top; a composite has none.
  const legend = L.control({ position: "bottomright" });
  legend.onAdd = () => L.DomUtil.create("div", "legend");
  legend.addTo(map);
  const explain = () => {
    const layer = layers.find((one) => one.id === choice.value) ?? layers[0];
    const box = legend.getContainer();
    box.replaceChildren(...[...layer.legend].reverse().map(([text, colour]) => {
      const row = L.DomUtil.create("div", "");
      const patch = L.DomUtil.create("span", "patch", row);
      patch.style.background = colour;
      row.append(text);
      return row;
    }));
    box.hidden = layer.legend.length === 0;
  };
  choice.addEventListener("change", explain);
  explain();
  show(false);
  L.control.scale({ imperial: false }).addTo(map);
  const response = await fetch(element.dataset.coast ?? "");
  if (!response.ok) return;
  const coast = await response.json();
  L.geoJSON(coast, { pane: "land", interactive: false, style: { stroke: false, fillColor: "#eef0e6", fillOpacity: 1 } }).addTo(map);
  // The outline of the land is coast, apart from where the data is cut at 180 degrees and at the pole.
  const cut = ([a, b], [c, d]) => (Math.abs(a) > 179.9 && Math.abs(c) > 179.9) || (b < -84 && d < -84);
  const lines = [];
  for (const ring of coast.features.flatMap((feature) => feature.geometry.coordinates)) {
    let line = [];
    ring.forEach((point, i) => {
      if (i > 0 && cut(ring[i - 1], point)) { lines.push(line); line = []; }
      line.push([point[1], point[0]]);
    });
    lines.push(line);
  }
  L.polyline(lines, { pane: "coast", interactive: false, color: "#ffd54a", weight: 1 }).addTo(map);
  element.dataset.ready = "yes";
})();
