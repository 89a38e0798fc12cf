-- Districts with their figures as numbers; "?" means not known.
SELECT
  district_id,
  name,
  region,
  inhabitants,
  CAST(nullif(unemployment_1995, '?') AS DECIMAL(9, 2)) AS unemployment_1995,
  CAST(nullif(crimes_1995, '?') AS BIGINT) AS crimes_1995,
  _object,
  _position
FROM district
