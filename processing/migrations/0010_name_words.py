"""The words of a name, and the index that finds images by how they begin.

Split by hand, not by PostgreSQL's parser: to it `IMG_4278-beach.jpg` is a host name, and `-4278` a number.
"""

import string

from django.db import migrations

# Also the spaces and signs that systems put into names of their own accord: macOS' narrow one before `AM`, dashes.
_APART = string.punctuation + string.whitespace + "\u00a0\u2009\u202f\u3000«»‘’“”„–—…·"
_SIGNS = "".join(f"\\x{ord(sign):02x}" if sign in "'\\" or sign < " " else sign for sign in _APART)

# At most 255 characters, as a name has: a small letter may be longer than its capital, and a lexeme has 2 kB.
_WORDS = f"""
CREATE FUNCTION processing_name_words(name text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_tsvector(array_remove(string_to_array(
    left(translate(normalize(lower(name), NFC), E'{_SIGNS}', repeat(' ', {len(_APART)})), 255), ' '), ''))
"""
# No sign of a query's syntax is left in a word.
_QUERY = """
CREATE FUNCTION processing_name_query(words text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT string_agg(format('''%s'':*', word), ' & ')::tsquery
    FROM unnest(tsvector_to_array(processing_name_words(words))) AS word)
"""
_COLUMN = """
ALTER TABLE processing_image ADD COLUMN words tsvector GENERATED ALWAYS AS (processing_name_words(name)) STORED
"""


class Migration(migrations.Migration):
    dependencies = [("processing", "0009_open_batches")]

    operations = [
        migrations.RunSQL(_WORDS, "DROP FUNCTION processing_name_words"),
        migrations.RunSQL(_QUERY, "DROP FUNCTION processing_name_query"),
        migrations.RunSQL(_COLUMN, "ALTER TABLE processing_image DROP COLUMN words"),
        migrations.RunSQL(
            "CREATE INDEX image_words ON processing_image USING gin (words)", "DROP INDEX image_words"
        ),
    ]
