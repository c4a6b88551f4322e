// Imported by every page and dialog that is loaded later: brings their English messages along.
import { enPages } from './en-pages';
import { addEnglish } from './index';

addEnglish(enPages);
