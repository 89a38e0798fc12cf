"""The fixed sentences of landing and of planted faults in Spanish; see `notice_spanish`."""

from __future__ import annotations

OF_SEALS = (
    (
        "records: the source says {}, {} landed ({})",
        "registros: el origen dice {}, llegaron {} ({})",
    ),
    (
        "sum of {}: the contract does not list it as a measure",
        "suma de {}: el contrato no la nombra como medida",
    ),
    (
        "sum of {}: the control record does not give it",
        "suma de {}: el registro de control no la da",
    ),
    (
        "sum of {}: the source says {}, {} landed ({})",
        "suma de {}: el origen dice {}, llegó {} ({})",
    ),
    ("{} unreadable records are not in it", "no incluye {} registros ilegibles"),
    ("digest: the source says {}, landed is {+}", "huella: el origen dice {}, llegó {+}"),
    ("no file", "ningún archivo"),
    ("{*}: the source says {+}, and it was not landed", "{*}: el origen dice {+}, y no llegó"),
    (
        "{*}: the source does not name it, and {+} landed",
        "{*}: el origen no lo nombra, y llegó con {+}",
    ),
    (
        "{*}: the source says {+}, and {+} landed",
        "{*}: el origen dice {+}, y llegó con {+}",
    ),
    (
        "{*}: the source says {+}, and {+} landed, with a sum that one side only has",
        "{*}: el origen dice {+}, y llegó con {+}, con una suma que solo tiene un lado",
    ),
    ("{} more files or shards do not agree", "{} archivos o fragmentos más no cuadran"),
    (
        "{} more files or shards cannot be compared in full",
        "{} archivos o fragmentos más no se pueden comparar por completo",
    ),
    ("{*}: the source says {+}, {+} landed", "{*}: el origen dice {+}, llegó {+}"),
    (
        "{} does not agree with the source's control record: {+}",
        "{} no cuadra con el registro de control del origen: {+}",
    ),
    ("{} cannot be compared in full: {+}", "{} no se puede comparar por completo: {+}"),
    ("the same sums on both sides", "las mismas sumas de los dos lados"),
    (
        "nothing came for {}, and no control record says that nothing was to come",
        "no llegó nada para {}, y ningún registro de control dice que nada debía llegar",
    ),
    ("records or a control record of 0", "registros, o un registro de control de 0"),
    (
        "{} cannot be verified: the source gives no control record",
        "{} no se puede verificar: el origen no da registro de control",
    ),
    (
        "{} cannot be verified: the control record has not come",
        "{} no se puede verificar: el registro de control no ha llegado",
    ),
    ("the source did not answer: {?}", "el origen no contestó; como se registró: «{?}»"),
    (
        "{} did not answer, and the time to wait for it is over: {?}",
        "{} no contestó, y el tiempo para esperarlo se acabó; como se registró: «{?}»",
    ),
    ("the query returned no row for {}", "la consulta no devolvió ningún registro para {}"),
    (
        "rows, or may_be_empty: true in the source",
        "registros, o may_be_empty: true en el origen",
    ),
    ("the day ends at {} and is not over", "el día termina a las {} y no ha acabado"),
    ("a day that is over", "un día que haya acabado"),
    ("every record since the last", "todos los registros desde el último"),
    (
        "{}: records may have been removed by retention before they were read ({}..{} are gone)",
        "{}: la retención pudo borrar registros antes de leerlos (faltan {}..{})",
    ),
    (
        "{} records of {} came after that day was sealed; they are kept",
        "{} registros de {} llegaron después de sellar ese día; se guardan",
    ),
    (
        "{} records name {}, a day after they arrived; they wait for it",
        "{} registros nombran {}, un día posterior a su llegada; esperan a ese día",
    ),
    (
        "{*} of the stream came after the day was sealed",
        "{*} del flujo llegaron después de sellar el día",
    ),
    (
        "what was landed before {} was declared otherwise is kept and does not count: {*}",
        "lo que llegó antes de declarar {} de otro modo se guarda y no cuenta: {*}",
    ),
    ("{} was not looked at for late data: {?}", "en {} no se buscaron datos tardíos: «{?}»"),
    (
        "the control record {*} is another than when the day was sealed: it says {+}, and said {+}",
        "el registro de control {*} es otro que al sellar el día: dice {+}, y decía {+}",
    ),
    (
        "the query gives {+}; when the day was sealed it gave {+}",
        "la consulta da {+}; al sellar el día daba {+}",
    ),
)
"""Seals, silence, streams and databases."""

OF_FILES = (
    (
        "{*} is still being written; it is not landed yet",
        "{*} se está escribiendo todavía; aún no se recibe",
    ),
    ("{*} is not whole yet", "{*} aún no está completo"),
    ("a marker {} beside it", "una marca {} a su lado"),
    ("no change for {} s", "sin cambios durante {} s"),
    ("not whole", "incompleto"),
    (
        "{*} is {+}; it was not read, nor followed",
        "{*} es {+}; no se leyó ni se siguió",
    ),
    ("a regular file", "un archivo normal"),
    ("a symbolic link", "un enlace simbólico"),
    ("a folder", "una carpeta"),
    ("a pipe, a socket or a device", "una tubería, un socket o un dispositivo"),
    (
        "{*} came again with other bytes; the newest counts",
        "{*} llegó otra vez con otros bytes; cuenta el más reciente",
    ),
    ("earlier sha256 {}", "sha256 anterior {}"),
    (
        "{*} came again with other bytes after the day was sealed: {+}",
        "{*} llegó otra vez con otros bytes después de sellar el día: {+}",
    ),
    ("{*} came after the day was sealed: {+}", "{*} llegó después de sellar el día: {+}"),
    ("it {+} ({})", "{+} ({})"),
    ("{*} is empty", "{*} está vacío"),
    ("is empty", "está vacío"),
    ("records", "registros"),
    ("0 bytes", "0 bytes"),
    (
        "{*} is a Parquet file that the engine cannot read",
        "{*} es un archivo Parquet que el motor no puede leer",
    ),
    ("one that the engine cannot read", "uno que el motor no puede leer"),
    ("{*} has the same bytes as {*} of {}", "{*} tiene los mismos bytes que {*} del {}"),
    ("another file", "otro archivo"),
    ("sha256 {}", "sha256 {}"),
    ("{*} is the file of another day", "{*} es el archivo de otro día"),
    ("{*} mostly holds another day", "{*} contiene sobre todo otro día"),
    ("records of {*}", "registros de {*}"),
    ("{} of {} records of {*}", "{} de {} registros de {*}"),
    ("{*} is {+}, not {+}", "{*} es {+}, no {+}"),
    ("{*} begins with {+}", "{*} comienza con {+}"),
    ("the byte order mark of {}", "la marca de orden de bytes de {}"),
    ("the declared encoding {}", "la codificación declarada {}"),
    (
        "{*} has other columns than the contract: {+}",
        "{*} tiene otras columnas que el contrato: {+}",
    ),
    ("lacks {*}", "faltan {*}"),
    ("has also {*}", "tiene además {*}"),
    ("has twice {*}", "tiene dos veces {*}"),
    ("{*} ends in the middle of its last line", "{*} termina a mitad de su última línea"),
    ("a line end after the last record", "un fin de línea tras el último registro"),
    (
        "{} characters that are no whole record",
        "{} caracteres que no son un registro completo",
    ),
    ("a gzip file", "un archivo gzip"),
    ("a zip file", "un archivo zip"),
    ("a PDF", "un PDF"),
    ("a Parquet file", "un archivo Parquet"),
    ("a whole Parquet file", "un archivo Parquet completo"),
    ("an old Office file", "un archivo antiguo de Office"),
    ("an HTML page", "una página HTML"),
    ("an XML document", "un documento XML"),
    ("text", "texto"),
    ("data", "datos"),
    ("one without its end", "uno sin su final"),
    ("one that cannot be read", "uno que no se puede leer"),
    ("one that unfolds to {} rows", "uno que se despliega en {} registros"),
    ("one that unfolds to {} bytes of text", "uno que se despliega en {} bytes de texto"),
    ("at most {} times its size and {}", "a lo más {} veces su tamaño y {}"),
    ("the control record is no JSON", "el registro de control no es JSON"),
    ("other text", "otro texto"),
    ("the control record is of another {+}", "el registro de control es de otro {+}"),
    ("source", "origen"),
    ("reference date", "fecha de referencia"),
    ("the control record has {+}", "el registro de control tiene {+}"),
    ("{*} with numbers as strings", "{*} con los números como textos"),
    ("other keys", "otras claves"),
    ("a digest that is no SHA-256", "una huella que no es SHA-256"),
    (
        "sums that are no object of at most {} keys",
        "sumas que no son un objeto de a lo más {} claves",
    ),
    (
        "a sum whose name is no name of a column",
        "una suma cuyo nombre no es nombre de columna",
    ),
    (
        "parts that are no object of at most {} keys",
        "partes que no son un objeto de a lo más {} claves",
    ),
    (
        "a part whose name is no name of a file or shard",
        "una parte cuyo nombre no es de archivo ni de fragmento",
    ),
    (
        "parts that name no file or shard, and a count that is not 0",
        "partes que no nombran archivo ni fragmento, y un conteo que no es 0",
    ),
    (
        "{*} is too large for what it should be: it has more than {} bytes, "
        "and at most {} are read",
        "{*} es demasiado grande para lo que debería ser: tiene más de {} bytes, "
        "y se leen a lo más {}",
    ),
    (
        "{*} is too large for what it should be: it has {} bytes, and at most {} are read",
        "{*} es demasiado grande para lo que debería ser: tiene {} bytes, y se leen a lo más {}",
    ),
    ("two parts whose names are one", "dos partes cuyos nombres son uno"),
    ("a part that has not exactly count and sums", "una parte que no tiene justo count y sums"),
    (
        "a {*} that is no decimal number in a string",
        "un {*} que no es un número decimal en un texto",
    ),
    ("a key that stands twice", "una clave que aparece dos veces"),
    ("a number that is not in a string", "un número que no va en un texto"),
)
"""Files and control records."""

OF_PLANTED = (
    ("{}: nothing sees {+}", "{}: nada ve {+}"),
    (
        "each planted fault seen by one hop or control",
        "cada falla sembrada, vista por un paso o un control",
    ),
    ("blind to {+}: {*}", "sin ver {+}: {*}"),
    ("{} sees nothing: it is blind to {+}", "{} no ve nada: no nota {+}"),
    (
        "a control whose difference moves under one planted fault at least",
        "un control cuya diferencia se mueva con al menos una falla sembrada",
    ),
    (
        "no difference beyond its tolerance under {+}, which change what it reads",
        "ninguna diferencia mayor que su tolerancia con {+}, que cambian lo que lee",
    ),
    ("{} is blind to {+}", "{} no nota {+}"),
    (
        "a control that sees what its measures measure",
        "un control que vea lo que sus medidas miden",
    ),
    (
        "no change of its difference under {+} in {}",
        "ningún cambio de su diferencia con {+} en {}",
    ),
    (
        "{} agrees on nothing: zero against zero, and no row changes it",
        "{} cuadra sobre nada: cero contra cero, y ningún registro lo cambia",
    ),
    (
        "two sides of which one reads a row, or a control that may be empty",
        "dos lados de los que uno lea un registro, o un control que pueda estar vacío",
    ),
    ("0 on both sides, unmoved by {+}", "0 en ambos lados, sin moverse con {+}"),
    ("a lost row", "un registro perdido"),
    ("a doubled row", "un registro repetido"),
    ("a changed cent", "un centavo cambiado"),
    ("a flipped sign", "un signo invertido"),
    ("a swapped pair", "un par intercambiado"),
    ("a null for an empty text", "un nulo por un texto vacío"),
    ("{+} ({*})", "{+} ({*})"),
)
"""What checks and controls cannot see (`checks.seen`)."""
