// An error ellipse as a ring of points on the sphere.

const KM_PER_DEGREE = 111.195;

/** Corners `[lat, lon]` of an ellipse of semi-axes `major`, `minor` [km], `azimuth` from north [deg]. */
export function ellipse({ lat, lon, major, minor, azimuth }, steps = 48) {
  const turn = (azimuth * Math.PI) / 180;
  const shrink = Math.max(Math.cos((lat * Math.PI) / 180), 0.01);
  return Array.from({ length: steps }, (_, step) => {
    const angle = (2 * Math.PI * step) / steps;
    const along = major * Math.cos(angle);
    const across = (minor || major) * Math.sin(angle);
    const north = along * Math.cos(turn) - across * Math.sin(turn);
    const east = along * Math.sin(turn) + across * Math.cos(turn);
    return [lat + north / KM_PER_DEGREE, lon + east / (KM_PER_DEGREE * shrink)];
  });
}
