// The map's tools and layers, put together once: what each does stands in tools/ and layers/.

import { Density } from "./layers/density.js";
import { Failures } from "./layers/failures.js";
import { Faults, OwnFile } from "./layers/geojson_layers.js";
import { Intensities } from "./layers/intensities.js";
import { listenForCards } from "./layers/layer.js";
import { Frame, Graticule } from "./layers/lines.js";
import { Mechanisms } from "./layers/mechanisms.js";
import { Stations } from "./layers/stations.js";
import { AreaTool } from "./tools/area_tool.js";
import { ToolBar } from "./tools/bar.js";
import { addFullScreen } from "./tools/full_screen.js";
import { LayerLegend } from "./tools/layer_legend.js";
import { MeasureTool } from "./tools/measure_tool.js";
import { OwnTool } from "./tools/own_tool.js";
import { PictureTool } from "./tools/picture_tool.js";
import { PlaceSearch } from "./tools/place_search.js";
import { addReadout } from "./tools/readout.js";

/** Give the map its tools and layers. Called once, before the first events arrive. */
export function attachTools(atlas) {
  const words = atlas.words.tools;
  const settings = atlas.config.tools;
  const failures = new Failures(atlas, words);
  const names = words.layers;
  const data = (key, url) => ({ url, failures, label: names[key] });
  const layers = [
    [new Faults(atlas, words, { failures, label: names.faults }), "faults", "base"],
    [new Graticule(atlas, words), "graticule", "base"],
    [new Frame(atlas, words, settings.northernTienShan), "northern-tien-shan", "base"],
    [new Density(atlas, words), "density", "quakes"],
    [new OwnFile(atlas, words), "own", null],
    [new Stations(atlas, words, data("stations", settings.stationsUrl)), "stations", "network"],
    [new Mechanisms(atlas, words, data("mechanisms", settings.mechanismsUrl)), "mechanisms", "quakes"],
    [new Intensities(atlas, words, data("intensities", settings.intensitiesUrl)), "intensities", "quakes"],
  ];
  const all = layers.map(([layer]) => layer);
  const legend = new LayerLegend(all);
  for (const [layer, key, group] of layers) {
    layer.title = names[key];
    layer.changed = () => legend.draw();
    if (!group) continue;
    if (key === "faults" && !settings.faultsUrl) {
      addFaultsNotLoaded(atlas, words);
      continue;
    }
    atlas.addLayer({ key, label: names[key], group, on: false, show: () => layer.show(), hide: () => layer.hide() });
  }
  listenForCards(atlas, all);

  const bar = new ToolBar(atlas, words);
  const area = new AreaTool(atlas, bar, words);
  new MeasureTool(atlas, bar, words);
  new OwnTool(atlas, bar, words, all.find((layer) => layer.key === "own"));
  new PictureTool(atlas, bar, words, all, area);
  addFullScreen(atlas, bar, words);
  new PlaceSearch(atlas, words).restore(atlas.address.get("pin"));
  addReadout(atlas, words);
}

/** The line stays in the box so that nobody looks for it in vain; it says why there is nothing. */
function addFaultsNotLoaded(atlas, words) {
  const line = atlas.addLayer({
    key: "faults",
    label: words.faultsMissing,
    group: "base",
    on: false,
    show: () => {
      atlas.say(words.faultsMissingLong, true);
      queueMicrotask(() => line.set(false));
    },
    hide: () => {},
  });
}
