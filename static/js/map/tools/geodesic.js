// Distances on the ellipsoid, by GeographicLib (C. Karney), fetched when first needed.
//
// Karney (2013), Algorithms for geodesics, J. Geodesy 87, 43-55. doi:10.1007/s00190-012-0578-z

let loading = null;

/** Load the library of that address once; resolves with functions on WGS84. */
export function loadGeodesic(url) {
  loading ??= (async () => {
    if (!globalThis.geodesic) await addScript(url);
    return onEllipsoid(globalThis.geodesic);
  })().catch((error) => {
    loading = null; // Retry asks again
    throw error;
  });
  return loading;
}

function addScript(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => {
      script.remove();
      reject(new Error(`could not load ${url}`));
    });
    document.head.append(script);
  });
}

/** `inverse` and `direct` of a loaded library. Angles in degrees, lengths in metres. */
export function onEllipsoid(library) {
  const { WGS84 } = library.Geodesic;
  return {
    /** `{metres, azimuth, back_azimuth}` from a first point to a second; azimuths 0..360. */
    inverse(from, to) {
      const found = WGS84.Inverse(from.latitude, from.longitude, to.latitude, to.longitude);
      const turn = (azimuth) => ((azimuth % 360) + 360) % 360;
      return {
        metres: found.s12,
        azimuth: turn(found.azi1),
        back_azimuth: turn(found.azi2 + 180),
      };
    },
    direct(latitude, longitude, azimuth, metres) {
      const found = WGS84.Direct(latitude, longitude, azimuth, metres);
      return { latitude: found.lat2, longitude: found.lon2 };
    },
  };
}

/** Points `[lat, lon]` along the geodesic, close enough that straight pieces look right. */
export function along(ellipsoid, from, to, most = 64) {
  const { metres, azimuth } = ellipsoid.inverse(from, to);
  const steps = Math.max(1, Math.min(most, Math.ceil(metres / 20_000)));
  const points = [[from.latitude, from.longitude]];
  let before = from.longitude;
  for (let step = 1; step <= steps; step += 1) {
    const point = ellipsoid.direct(from.latitude, from.longitude, azimuth, (metres * step) / steps);
    let { longitude } = point;
    while (longitude - before > 180) longitude -= 360;
    while (longitude - before < -180) longitude += 360;
    before = longitude;
    points.push([point.latitude, longitude]);
  }
  return points;
}
