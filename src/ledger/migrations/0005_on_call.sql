-- Overrides that somebody ended before their time, and what they were for: the image as
-- it was named, and why another mode was set.
ALTER TABLE break_glass ADD COLUMN image TEXT;
ALTER TABLE break_glass ADD COLUMN ended_by TEXT;
ALTER TABLE break_glass ADD COLUMN ended_reason TEXT;
ALTER TABLE modes ADD COLUMN reason TEXT;
ALTER TABLE modes ADD COLUMN ended_by TEXT;
ALTER TABLE modes ADD COLUMN ended_reason TEXT;

-- Which images hold a package, and who pulled a digest last.
CREATE INDEX packages_by_name ON packages (body ->> '$.name');
CREATE INDEX findings_by_package ON findings (body ->> '$.package');
CREATE INDEX decisions_by_digest ON decisions (body ->> '$.digest', time)
    WHERE body ->> '$.digest' IS NOT NULL;
