// The basemap's lines as its file has them: whole steps from point to point, in thousandths of a degree.

/** The same geometries in degrees, as GeoJSON; `packed.scale` is one step [deg]. */
export function unpacked(packed) {
  const { scale, ...rest } = packed;
  const layers = Object.entries(rest).map(([name, value]) => [
    name,
    value?.coordinates ? { ...value, coordinates: lines(value.coordinates, scale) } : value,
  ]);
  return Object.fromEntries(layers);
}

function lines(part, scale) {
  if (typeof part[0][0] !== "number") return part.map((inner) => lines(inner, scale));
  let x = 0;
  let y = 0;
  return part.map(([right, up]) => {
    x += right;
    y += up;
    return [x * scale, y * scale];
  });
}
